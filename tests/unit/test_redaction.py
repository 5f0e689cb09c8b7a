"""Secrets in the values of an error, which the tests of whole calls do not reach."""

from imagebuilder_pager._aws.auth.redaction import redact_error
from imagebuilder_pager.exceptions import InvalidConfigError, ParamValidationError, Problem

SECRET = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"


def test_a_problem_loses_the_secrets_in_it_and_stays_a_problem() -> None:
    problem = Problem("HTTPS_PROXY", f"'http://{SECRET}' given", "a URL")
    single = InvalidConfigError(problem)
    several = ParamValidationError("Op", [problem])
    for error in (single, several):
        redact_error(error, {SECRET})
        assert SECRET not in f"{error} {error!r} {vars(error)}"
    assert single.problem is not None
    assert several.problems == (single.problem,)
    assert single.problem._replace(given="") == Problem("HTTPS_PROXY", "", "a URL")

"""The docstrings of the generated models, in this project's own words.

``MODULES``: of each module of models. ``SHAPES``: of each structure and enum, but for requests and
responses, whose docstrings are made from the catalogue of operations. Paragraphs are separated by
an empty line.
"""

from __future__ import annotations

__all__ = ["MODULES", "SHAPES"]

MODULES = {
    "scalars": "Strings and numbers with constraints that several families of models use.",
    "common": "Structures and enums that several families of models use.",
    "lifecycle": "The lifecycle family: what a run of a lifecycle policy does to resources.",
    "lifecycle_executions": "The lifecycle family: the runs of lifecycle policies.",
    "lifecycle_policies": "The lifecycle family: the policies and their rules.",
    "components": "The family of components, the steps that images are built and tested with.",
    "configurations": "The family of infrastructure and distribution configurations.",
    "images": "The family of images: versions, builds, packages and what came of a build.",
    "pipelines": "The family of image pipelines.",
    "recipes": "The family of image recipes and container recipes.",
    "scan_findings": "The family of vulnerabilities that were found in images.",
    "workflows": "The family of workflows, their executions and their steps.",
}

SHAPES = {
    # common
    "Filter": "A filter of a listing: items pass that have one of the values in the named field.",
    "ImageStatus": "The stage that an image has reached, from waiting to usable or gone.",
    "Ownership": "The owners whose resources a listing shows.",
    "Platform": "The operating system that an image or component is for.",
    "WorkflowType": "The part of an image build that a workflow controls.",
    # lifecycle
    "LifecycleExecutionStatus": "The status of a run of a lifecycle policy.",
    "LifecycleExecutionResourceStatus": "The status of a lifecycle action on one resource.",
    "LifecycleExecutionResourceActionName": (
        "The name of the action that a lifecycle policy takes on a resource."
    ),
    "LifecycleExecutionState": "The state of a run of a lifecycle policy, with its reason.",
    "LifecycleExecutionResourceState": "The state of the action on one resource, with its reason.",
    "LifecycleExecutionResourceAction": (
        "The action that the policy takes on a resource, with its reason."
    ),
    "LifecycleExecutionSnapshotResource": "A snapshot of an AMI that the policy acts on.",
    "LifecycleExecutionResource": (
        "A resource that a run of a lifecycle policy acts on.\n\n"
        "``resource_id`` is an image's ARN, an AMI's id, or a container image's URI or digest; "
        "``snapshots`` are an AMI's, ``image_uris`` a container image's."
    ),
    # lifecycle_executions
    "LifecycleExecution": "A run of a lifecycle policy, with its state and times.",
    "LifecycleExecutionResourcesImpactedSummary": (
        "A flag that says whether a run has acted on any resource."
    ),
    # lifecycle_policies
    "LifecyclePolicy": "A lifecycle policy: its rules, and the resources that they hold for.",
    "LifecyclePolicyDetail": "A rule of a lifecycle policy: an action, and when it is taken.",
    "LifecyclePolicyDetailAction": "The action of a rule, and the resources that it extends to.",
    "LifecyclePolicyDetailActionIncludeResources": (
        "The kinds of resources that the action extends to."
    ),
    "LifecyclePolicyDetailActionType": "The name of a rule's action.",
    "LifecyclePolicyDetailExclusionRules": "The resources that a rule leaves alone.",
    "LifecyclePolicyDetailExclusionRulesAmis": "The AMIs that a rule leaves alone.",
    "LifecyclePolicyDetailExclusionRulesAmisLastLaunched": (
        "An age: AMIs that were launched within it are left alone."
    ),
    "LifecyclePolicyDetailFilter": (
        "The condition of a rule: an age, or a number of images to keep."
    ),
    "LifecyclePolicyDetailFilterType": "The kind of a rule's condition.",
    "LifecyclePolicyResourceSelection": (
        "The resources that a policy holds for, by recipe or by tag."
    ),
    "LifecyclePolicyResourceSelectionRecipe": "A recipe, by name and version.",
    "LifecyclePolicyResourceType": "The kind of images that a policy holds for.",
    "LifecyclePolicyStatus": "A switch that says whether a policy runs.",
    "LifecyclePolicySummary": "A lifecycle policy as a listing shows it, without its rules.",
    "LifecyclePolicyTimeUnit": "The unit of an age.",
    # components
    "ComponentState": "The state of a build of a component, with its reason.",
    "ComponentStatus": "The status of a component.",
    "ComponentSummary": "A build of a component.",
    "ComponentType": "The purpose of a component: to build an image, or to test it.",
    "ComponentVersion": "A version of a component.",
    "ProductCodeListItem": "A product code of AWS Marketplace.",
    "ProductCodeType": "The kind of a product code.",
    # configurations
    "DistributionConfigurationSummary": "A distribution configuration and its regions.",
    "InfrastructureConfigurationSummary": "The settings of the instances that build images.",
    "Placement": "The zone, host and tenancy that a building instance is placed in.",
    "TenancyType": "The tenancy of a building instance.",
    # images
    "Ami": "An AMI that a build has made in one region.",
    "BuildType": "The occasion of a build, or the way an image was imported.",
    "ComponentFailureContext": "The component, phase and step in which a build failed.",
    "Container": "The container images that a build has pushed in one region.",
    "DistributionFailureContext": "The error of a distribution that failed, region by region.",
    "ImageConfigurationStep": "A step of the configuration of an image in a region.",
    "ImageFailureContext": "The workflow step, component or region in which a build failed.",
    "ImageLoggingConfiguration": "The log group that a build writes to.",
    "ImagePackage": "A package of the operating system that an image has installed.",
    "ImageSource": "The origin of an image.",
    "ImageState": "The status of an image, with its reason and the context of a failure.",
    "ImageSummary": "A build of an image, with the AMIs or containers that came of it.",
    "ImageType": "The form of an image: an AMI or a container.",
    "ImageVersion": "A version of an image.",
    "OutputResources": "The AMIs and containers that came of a build.",
    "RegionFailure": "The error of a distribution to one region and account.",
    "RegionFailureStatus": "The way a distribution to a region ended.",
    # pipelines
    "AutoDisablePolicy": "The number of failed runs in a row that disables a pipeline.",
    "EcrConfiguration": "The ECR repository that container images are scanned in.",
    "ImagePipeline": "A pipeline: a recipe, its configurations and its schedule.",
    "ImageScanningConfiguration": "The settings of the vulnerability scan of a pipeline's images.",
    "ImageTestsConfiguration": "The settings of the tests of a pipeline's images.",
    "OnWorkflowFailure": "The consequence of a workflow that fails.",
    "PipelineExecutionStartCondition": "The condition under which a scheduled pipeline starts.",
    "PipelineLoggingConfiguration": "The log groups of a pipeline and of its images.",
    "PipelineStatus": "A switch that says whether a pipeline runs by its schedule.",
    "Schedule": "The times at which a pipeline runs.",
    "WorkflowConfiguration": "A workflow of a pipeline, with its parameters.",
    "WorkflowParameter": "A parameter of a workflow and its values.",
    # recipes
    "ContainerRecipeSummary": "A container recipe as a listing shows it.",
    "ContainerType": "The format of a container.",
    "ImageRecipeSummary": "An image recipe as a listing shows it.",
    # scan_findings
    "AccountAggregation": "The number of findings of an account, by severity.",
    "CvssScore": "A CVSS score of a vulnerability, by one source.",
    "CvssScoreAdjustment": "A change that Amazon Inspector has made to a CVSS score.",
    "CvssScoreDetails": "A CVSS score with its source and its adjustments.",
    "ImageAggregation": "The number of findings of a build of an image, by severity.",
    "ImagePipelineAggregation": "The number of findings of a pipeline's images, by severity.",
    "ImageScanFinding": "A vulnerability that was found in an image.",
    "ImageScanFindingAggregation": (
        "The number of findings of one account, image, pipeline or vulnerability.\n\n"
        "One of the members is present: the one that the findings are grouped by."
    ),
    "ImageScanFindingsFilter": "A filter of findings, with a single value.",
    "InspectorScoreDetails": "The score that Amazon Inspector gives a finding.",
    "PackageVulnerabilityDetails": "The vulnerability of a package: its id, scores and sources.",
    "Remediation": "The advice on a finding.",
    "RemediationRecommendation": "A recommended remedy, with a link to more about it.",
    "SeverityCounts": "The number of findings: all of them, and those of each severity.",
    "VulnerabilityIdAggregation": "The number of findings of one vulnerability, by severity.",
    "VulnerablePackage": "A package with a vulnerability, and the version without it.",
    # workflows
    "WorkflowExecutionMetadata": "An execution of a workflow, with the number of its steps.",
    "WorkflowExecutionStatus": "The status of an execution of a workflow.",
    "WorkflowState": "The state of a build of a workflow, with its reason.",
    "WorkflowStatus": "The status of a workflow.",
    "WorkflowStepExecution": "A step of a workflow that waits for someone to let it go on.",
    "WorkflowStepExecutionRollbackStatus": "The status of the rollback of a step.",
    "WorkflowStepExecutionStatus": "The status of an execution of a step.",
    "WorkflowStepMetadata": "An execution of a step: its inputs, its outputs and its attempts.",
    "WorkflowSummary": "A build of a workflow.",
    "WorkflowVersion": "A version of a workflow.",
}

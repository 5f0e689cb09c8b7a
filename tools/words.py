"""The input of the generator: the operations wanted, and this project's words for what they have.

To add an operation, add its line to ``OPERATIONS``. What has no words yet is described by its name;
so is a new family of models.
``SHAPES`` has those of structures and enums, ``MODULES`` those of the modules of models.
``MEMBERS`` has a line for each member: ``name`` for all structures, ``Structure.name`` for one of
them, ``Request.name`` and ``Response.name`` for all of those kinds. ``FILTERS`` has the names that
the filters of an operation may have; the service model has them in its prose alone.
"""

from __future__ import annotations

import re

#: Each operation: the module of models that has its response, and what a response holds.
OPERATIONS = {
    "GetLifecycleExecution": ("lifecycle_executions", "one run of a lifecycle policy"),
    "GetLifecyclePolicy": ("lifecycle_policies", "one lifecycle policy with its rules"),
    "ListLifecycleExecutionResources": (
        "lifecycle",
        "the resources of a lifecycle policy's run, or of one of its images",
    ),
    "ListLifecycleExecutions": (
        "lifecycle_executions",
        "the runs of a lifecycle policy, or those that acted on a resource",
    ),
    "ListLifecyclePolicies": ("lifecycle_policies", "the lifecycle policies of the account"),
    "ListComponents": ("components", "the versions of components"),
    "ListComponentBuildVersions": ("components", "the builds of a version of a component"),
    "ListContainerRecipes": ("recipes", "the container recipes"),
    "ListImageRecipes": ("recipes", "the image recipes"),
    "ListDistributionConfigurations": (
        "configurations",
        "the distribution configurations of the account",
    ),
    "ListInfrastructureConfigurations": (
        "configurations",
        "the infrastructure configurations of the account",
    ),
    "ListImages": ("images", "the versions of images"),
    "ListImageBuildVersions": ("images", "the builds of a version of an image"),
    "ListImagePackages": ("images", "the packages that a build of an image has installed"),
    "ListImagePipelineImages": ("images", "the images that a pipeline has built"),
    "ListImagePipelines": ("pipelines", "the image pipelines of the account"),
    "ListImageScanFindingAggregations": ("scan_findings", "the numbers of findings, by severity"),
    "ListImageScanFindings": ("scan_findings", "the vulnerabilities that were found in images"),
    "ListWaitingWorkflowSteps": (
        "workflows",
        "the workflow steps that wait for an action",
    ),
    "ListWorkflowBuildVersions": ("workflows", "the builds of a version of a workflow"),
    "ListWorkflowExecutions": ("workflows", "the executions of workflows for a build of an image"),
    "ListWorkflowStepExecutions": ("workflows", "the executions of the steps of a workflow"),
    "ListWorkflows": ("workflows", "the versions of workflows"),
}

MODULES = {
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
    "ImageScanningType": "The kind of a vulnerability scan of an AMI.",
    "MaximumSeverityLabel": "The highest severity that does not fail an image.",
    "ScanResultCondition": "The condition that the findings of a scan have to meet.",
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
    "WorkflowStepExecution": "A step of a workflow that waits for an action.",
    "WorkflowStepExecutionRollbackStatus": "The status of the rollback of a step.",
    "WorkflowStepExecutionStatus": "The status of an execution of a step.",
    "WorkflowStepMetadata": "An execution of a step: its inputs, its outputs and its attempts.",
    "WorkflowSummary": "A build of a workflow.",
    "WorkflowVersion": "A version of a workflow.",
}

MEMBERS = {
    # what many structures have
    "arn": "The ARN.",
    "name": "The name.",
    "description": "A description.",
    "version": "The version, such as 1.4.0.",
    "type": "The kind.",
    "status": "The status.",
    "state": "The status, with its reason.",
    "reason": "The reason, in words.",
    "message": "A message about the status.",
    "owner": "The owner: an account id, or Amazon, ThirdParty or AWSMarketplace.",
    "platform": "The operating system: Linux, Windows or macOS.",
    "region": "The region.",
    "accountId": "The id of the account that owns it.",
    "tags": "Its tags.",
    "dateCreated": "The time at which it was created.",
    "dateUpdated": "The time of its last change.",
    "dateLastRun": "The time of its last run.",
    "startTime": "The time at which it began.",
    "endTime": "The time at which it ended; absent while it runs.",
    "changeDescription": "The change since the version before.",
    "executionRole": "The IAM role that Image Builder takes on for it: a name or an ARN.",
    "errorMessage": "The message of the error.",
    "action": "The name of the action.",
    "parallelGroup": "The group of test workflows that may run at the same time.",
    "value": "The value.",
    # requests
    "Request.owner": "The owner of the items. If absent: your own account.",
    "Request.filters": "Filters, all of which an item has to pass.",
    "Request.byName": (
        "True: one item for each name. False, the default: one for each version. It excludes the "
        "filter `version`."
    ),
    "Request.includeDeprecated": "True: Amazon's deprecated images, too. Your own always come.",
    "Request.maxResults": "The most items on the page.",
    "Request.nextToken": "The `nextToken` of the page before this one.",
    "Response.nextToken": "The service's token for the next page; absent on the last page.",
    "Response.requestId": "The id of the request, for AWS support.",
    "Filter.name": "The member that is compared.",
    "Filter.values": "The values to match; one is enough.",
    "ImageScanFindingsFilter.name": "The member that is compared.",
    "ImageScanFindingsFilter.values": "The value that the member has to have.",
    # lifecycle executions and their resources
    "lifecycleExecution": "The execution.",
    "lifecycleExecutionId": "The id of the execution.",
    "lifecycleExecutionState": "The state of the execution, with its reason.",
    "lifecycleExecutions": "The executions.",
    "lifecyclePolicyArn": "The ARN of the policy.",
    "LifecycleExecution.lifecyclePolicyArn": "The ARN of the policy that ran.",
    "ImageSummary.lifecycleExecutionId": "The last execution of a policy that changed the image.",
    "resourcesImpactedSummary": "Whether the execution found something to act on.",
    "hasImpactedResources": "True where there are resources to act on.",
    "ListLifecycleExecutionsRequest.resourceArn": (
        "The ARN of a policy, for its executions, or of a build of an image, for those that "
        "`StartResourceStateUpdate` began on it."
    ),
    "parentResourceId": (
        "The ARN of an image, as `resourceId` has it: lists the AMIs or container images that came "
        "of it. If it is absent, the images are listed."
    ),
    "resources": "The resources that the policy acts on.",
    "resourceId": (
        "The ARN of an image, the id of an AMI, or the URI or digest of a container image."
    ),
    "LifecycleExecutionResource.accountId": "The account that owns the resource.",
    "LifecycleExecutionResource.action": "The action on the resource, with its reason.",
    "LifecycleExecutionResource.state": "The state of the action, with its reason.",
    "LifecycleExecutionResourceAction.name": "The name of the action.",
    "LifecycleExecutionResource.region": "The region of the resource.",
    "snapshots": "The snapshots of an AMI.",
    "snapshotId": "The id of the snapshot.",
    "LifecycleExecutionResource.imageUris": "The URIs of a container image.",
    # lifecycle policies
    "lifecyclePolicy": "The policy.",
    "lifecyclePolicySummaryList": "The policies, without their rules.",
    "resourceType": "The kind of images that the policy holds for.",
    "policyDetails": "The rules.",
    "resourceSelection": "The images that the policy holds for, by recipe or by tag.",
    "LifecyclePolicyDetail.action": "The action of the rule.",
    "LifecyclePolicyDetail.filter": "The condition: an age, or a number of images to keep.",
    "exclusionRules": "The images and AMIs that the rule leaves alone.",
    "LifecyclePolicyDetailAction.type": "The name of the action.",
    "includeResources": "The resources that the action extends to, besides the image.",
    "LifecyclePolicyDetailActionIncludeResources.amis": "True: the AMIs.",
    "LifecyclePolicyDetailActionIncludeResources.snapshots": "True: the snapshots of the AMIs.",
    "LifecyclePolicyDetailActionIncludeResources.containers": "True: the container images.",
    "LifecyclePolicyDetailFilter.type": "AGE, or COUNT, which goes with DELETE alone.",
    "LifecyclePolicyDetailFilter.value": "The age in units, or the number of images to keep.",
    "unit": "The unit of the age.",
    "retainAtLeast": "The number of images that are kept, however old they are.",
    "LifecyclePolicyDetailExclusionRules.amis": "The AMIs that are left alone.",
    "LifecyclePolicyDetailExclusionRules.tagMap": "Images with one of these tags are left alone.",
    "LifecyclePolicyDetailExclusionRulesAmis.tagMap": "AMIs with one of these tags are left alone.",
    "LifecyclePolicyResourceSelection.tagMap": "The tags of the images that it holds for.",
    "isPublic": "True: public AMIs are left alone.",
    "LifecyclePolicyDetailExclusionRulesAmis.regions": "AMIs in these regions are left alone.",
    "sharedAccounts": "AMIs that are shared with these accounts are left alone.",
    "lastLaunched": "AMIs that were launched within this time are left alone.",
    "LifecyclePolicyDetailExclusionRulesAmisLastLaunched.value": "The number of units.",
    "recipes": "The recipes of the images that it holds for.",
    "semanticVersion": "The version of the recipe, where x is any number.",
    # components
    "componentVersionList": "The versions of components.",
    "componentSummaryList": "The builds of components.",
    "componentVersionArn": "The ARN of a version, without a build. If absent: all of your own.",
    "supportedOsVersions": "The versions of operating systems that it runs on.",
    "productCodes": "The product codes of a component of AWS Marketplace.",
    "productCodeId": "The product code.",
    "productCodeType": "The kind of the product code.",
    "publisher": "The publisher, if that is a third party.",
    "obfuscate": "True where its source cannot be read.",
    "ComponentVersion.type": "BUILD or TEST: whether it builds an image or tests it.",
    "ComponentSummary.type": "BUILD or TEST: whether it builds an image or tests it.",
    # recipes and configurations
    "containerRecipeSummaryList": "The container recipes.",
    "imageRecipeSummaryList": "The image recipes.",
    "parentImage": "The image that it builds on.",
    "containerType": "The format of the container.",
    "instanceImage": "The AMI, or the SSM parameter with its id, that the container is built on.",
    "distributionConfigurationSummaryList": "The distribution configurations.",
    "infrastructureConfigurationSummaryList": "The infrastructure configurations.",
    "DistributionConfigurationSummary.regions": "The regions to which images are distributed.",
    "resourceTags": "The tags of the instances that build images.",
    "instanceTypes": "The types of the instances that build images.",
    "instanceProfileName": "The instance profile of the instances that build images.",
    "placement": "The zone, host and tenancy of the instances that build images.",
    "availabilityZone": "The availability zone.",
    "tenancy": "Whether other accounts may run on the same hardware.",
    "hostId": "The dedicated host, where the tenancy is host.",
    "hostResourceGroupArn": "The ARN of a group of hosts, where the tenancy is host.",
    # images
    "imageVersionList": "The versions of images.",
    "imageSummaryList": "The builds of images.",
    "ListImageBuildVersionsRequest.imageVersionArn": (
        "The ARN of a version, without a build and without wildcards. If absent: all of your own."
    ),
    "imageBuildVersionArn": "The ARN of a build of an image.",
    "ImageVersion.type": "AMI or DOCKER.",
    "ImageSummary.type": "AMI or DOCKER.",
    "ImageSummary.version": "The version with the build, such as 1.4.0/2.",
    "osVersion": "The operating system and its version.",
    "buildType": "The way in which the build began, or the image was imported.",
    "imageSource": "The origin of the image that it was built on.",
    "outputResources": "The AMIs or container images that came of the build.",
    "OutputResources.amis": "The AMIs, one for each region and account.",
    "OutputResources.containers": "The container images, by region.",
    "deprecationTime": "The time at which the image is deprecated, past or to come.",
    "loggingConfiguration": "The log groups that it writes to.",
    "logGroupName": "The name of the log group.",
    "Ami.image": "The id of the AMI.",
    "Container.imageUris": "The URIs of the container images.",
    "failureContext": (
        "The step, component or region that failed; present where the status is FAILED."
    ),
    "imageStatus": "The status that the image had when it failed.",
    "failedStep": "The name of the workflow step that failed.",
    "componentFailure": "The component that failed, if one did.",
    "distributionFailure": "The distribution that failed, if it did.",
    "componentArn": "The ARN of the build of the component.",
    "phaseName": "The phase of the component: build, validate or test.",
    "stepName": "The name of the step.",
    "regionFailures": "The regions in which it failed.",
    "imageConfigurationStep": "The step that failed after the image had been copied.",
    "targetAccountId": "The account to which the image was distributed.",
    "imagePackageList": "The packages.",
    "packageName": "The name of the package.",
    "packageVersion": "The version of the package.",
    # pipelines
    "imagePipelineList": "The pipelines.",
    "imagePipelineArn": "The ARN of a pipeline.",
    "enhancedImageMetadataEnabled": "True where a build collects the packages and the OS version.",
    "imageRecipeArn": "The ARN of its image recipe.",
    "containerRecipeArn": "The ARN of its container recipe.",
    "infrastructureConfigurationArn": "The ARN of its infrastructure configuration.",
    "distributionConfigurationArn": "The ARN of its distribution configuration.",
    "imageTestsConfiguration": "Whether the images are tested.",
    "imageTestsEnabled": "True where each image is tested before it is distributed.",
    "timeoutMinutes": "A time limit of the tests, which the service ignores.",
    "schedule": "When it runs.",
    "scheduleExpression": "A cron or rate expression.",
    "timezone": "The time zone of the expression, by its IANA name.",
    "pipelineExecutionStartCondition": (
        "Whether a run also needs an update of the base image or a component."
    ),
    "autoDisablePolicy": "When it is disabled because it fails.",
    "failureCount": "The number of failures in a row after which it is disabled.",
    "consecutiveFailures": "The number of scheduled runs in a row that have failed.",
    "ImagePipeline.status": "DISABLED: it does not run by its schedule.",
    "lastRunStatus": "The status of the image that it built last.",
    "dateNextRun": "The time of its next run.",
    "imageScanningConfiguration": "Whether its images are scanned for vulnerabilities.",
    "imageScanningTypes": "The scan of an AMI: of the test instance, or of the AMI itself.",
    "scanResultCondition": "The condition that the findings of an AMI's own scan have to meet.",
    "maximumSeverityLabel": "A finding of a higher severity fails the image.",
    "ScanResultCondition.fixAvailable": "False: findings without a fix count, too.",
    "imageScanningEnabled": "True where Amazon Inspector scans each new image.",
    "ecrConfiguration": "Where container images are scanned.",
    "repositoryName": "The name of the ECR repository, without its host.",
    "containerTags": "The tags of the container images that are scanned.",
    "imageTags": "The tags that scheduled runs give their images.",
    "workflows": "The workflows that it runs.",
    "workflowArn": "The ARN of the workflow.",
    "parameters": "The values of the workflow's parameters.",
    "onFailure": "Whether the build goes on after this workflow has failed.",
    "imageLogGroupName": "The log group of the builds.",
    "pipelineLogGroupName": "The log group of the pipeline's runs.",
    # scan findings
    "findings": "The findings.",
    "responses": "The numbers of findings, group by group.",
    "aggregationType": (
        "The kind of the groups: accountId, imageBuildVersionArn, imagePipelineArn or "
        "vulnerabilityId."
    ),
    "Request.filter": "The groups to count. If absent: your account is the one group.",
    "accountAggregation": "The numbers of an account.",
    "imageAggregation": "The numbers of an image.",
    "imagePipelineAggregation": "The numbers of a pipeline.",
    "vulnerabilityIdAggregation": "The numbers of a vulnerability.",
    "AccountAggregation.accountId": "The id of the account.",
    "severityCounts": "The number of findings, by severity.",
    "all": "All findings.",
    "critical": "Those of critical severity.",
    "high": "Those of high severity.",
    "medium": "Those of medium severity.",
    "awsAccountId": "The id of the account.",
    "ImageScanFinding.type": "The kind of the finding: PACKAGE_VULNERABILITY.",
    "title": "The title.",
    "ImageScanFinding.remediation": "The advice on it.",
    "severity": "The severity.",
    "firstObservedAt": "The time at which it was first seen.",
    "updatedAt": "The time of its last change.",
    "inspectorScore": "The score that Amazon Inspector gives it.",
    "inspectorScoreDetails": "The details of that score.",
    "ImageScanFinding.fixAvailable": "YES, NO or PARTIAL: whether newer packages are without it.",
    "packageVulnerabilityDetails": "The vulnerability and its packages.",
    "vulnerabilityId": "The id of the vulnerability, such as that of a CVE.",
    "vulnerablePackages": "The packages that have it.",
    "PackageVulnerabilityDetails.source": "The source of the description.",
    "cvss": "The CVSS scores, by source.",
    "relatedVulnerabilities": "The ids of related vulnerabilities.",
    "sourceUrl": "The page that describes it.",
    "vendorSeverity": "The severity by the vendor.",
    "vendorCreatedAt": "The time at which the vendor has first described it.",
    "vendorUpdatedAt": "The time of the vendor's last change.",
    "referenceUrls": "Pages with more about it.",
    "adjustedCvss": "The CVSS score after Amazon Inspector's adjustments.",
    "adjustments": "The adjustments.",
    "metric": "The metric that was adjusted.",
    "scoreSource": "The source of the score.",
    "cvssSource": "The source of the data behind the score.",
    "score": "The score.",
    "baseScore": "The score.",
    "scoringVector": "The vector that the score is computed from.",
    "CvssScore.source": "The source of the score.",
    "CvssScore.version": "The version of CVSS.",
    "CvssScoreDetails.version": "The version of CVSS.",
    "recommendation": "The recommendation.",
    "text": "The recommendation, in words.",
    "url": "A page with more about it.",
    "epoch": "The epoch of the version.",
    "release": "The release of the version.",
    "VulnerablePackage.version": "The version of the package.",
    "sourceLayerHash": "The hash of the layer that it is in.",
    "arch": "The architecture.",
    "packageManager": "The package manager.",
    "filePath": "The path of its file.",
    "fixedInVersion": "The version without the vulnerability.",
    "VulnerablePackage.remediation": "The command that updates it.",
    # workflows
    "workflowVersionList": "The versions of workflows.",
    "workflowSummaryList": "The builds of workflows.",
    "workflowVersionArn": (
        "The ARN of a version, in which x is any number. If absent: all of your own."
    ),
    "workflowBuildVersionArn": "The ARN of the build of the workflow.",
    "workflowExecutions": "The executions of workflows.",
    "workflowExecutionId": "The id of the execution of the workflow.",
    "steps": "The steps.",
    "stepExecutionId": "The id of the execution of the step.",
    "totalStepCount": "The number of steps.",
    "totalStepsSucceeded": "The number of steps that have succeeded.",
    "totalStepsFailed": "The number of steps that have failed.",
    "totalStepsSkipped": "The number of steps that were skipped.",
    "retried": "True where another execution has taken its place.",
    "rollbackStatus": "The status of its rollback.",
    "inputs": "Its inputs, as JSON in a string.",
    "outputs": "Its outputs, as JSON in a string.",
    "attemptNumber": "The number of this attempt, from 1.",
    "maxAttempts": "The most attempts that it may have.",
    "WorkflowConfiguration.parallelGroup": "The group of test workflows that it may run beside.",
}

_IMAGE_FILTERS = ("name", "osVersion", "platform", "type", "version")
_FINDING_FILTERS = ("imageBuildVersionArn", "imagePipelineArn", "vulnerabilityId")
_COMPONENT_FILTERS = (
    *("description", "name", "platform", "productCodes", "status", "supportedOsVersion"),
    *("type", "version"),
)
_PIPELINE_FILTERS = (
    *("description", "distributionConfigurationArn", "imageRecipeArn"),
    *("infrastructureConfigurationArn", "name", "status"),
)

FILTERS = {
    "ListComponents": _COMPONENT_FILTERS,
    "ListContainerRecipes": ("containerType", "name", "parentImage", "platform"),
    "ListDistributionConfigurations": ("name",),
    "ListImageBuildVersions": _IMAGE_FILTERS,
    "ListImagePipelineImages": ("name", "version"),
    "ListImagePipelines": _PIPELINE_FILTERS,
    "ListImageRecipes": ("name", "parentImage", "platform"),
    "ListImageScanFindingAggregations": _FINDING_FILTERS,
    "ListImageScanFindings": (*_FINDING_FILTERS, "severity"),
    "ListImages": _IMAGE_FILTERS,
    "ListInfrastructureConfigurations": ("name",),
    "ListLifecyclePolicies": ("name", "resourceType", "status"),
    "ListWorkflows": ("name", "version", "description", "type"),
}


def describe_member(structure: str, member: str) -> str:
    """Return the line for a member of a structure; one without words is described by its name."""
    kinds = [kind for kind in ("Request", "Response") if structure.endswith(kind)]
    for name in (f"{structure}.{member}", *(f"{kind}.{member}" for kind in kinds), member):
        if text := MEMBERS.get(name):
            return text
    return f"The {_in_words(member)}."


def describe_shape(name: str) -> str:
    """Return the docstring of a structure or an enum; one without words has its name in it."""
    return SHAPES.get(name) or f"AWS's {_in_words(name)}."


def _in_words(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).lower()

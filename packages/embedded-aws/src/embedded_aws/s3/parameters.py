"""What becomes of the parameters of S3's actions; one that is not here is refused.

Left out is what nothing here would do: websites, replication, notifications,
inventories, analytics, locks, restored archives and SelectObjectContent, which AWS no
longer gives to new accounts.
"""

from embedded_aws.refusals import IMPLEMENTED, STORED, Rules, Service, done

REASONS = {
    "AccessControlPolicy": "give a canned ACL",
    "BypassGovernanceRetention": "there are no locks",
    "ConfirmRemoveSelfBucketAccess": "a policy is taken without",
    "MFA": "there are no MFA devices",
    "MFADelete": "there are no MFA devices",
    "ObjectLockEnabledForBucket": "there are no locks",
    "ObjectLockLegalHoldStatus": "there are no locks",
    "ObjectLockMode": "there are no locks",
    "ObjectLockRetainUntilDate": "there are no locks",
    "ObjectAttributes=ObjectParts": "the parts of an object are not told",
    "SSECustomerAlgorithm": "objects are not encrypted with keys of callers",
    "SSECustomerKey": "objects are not encrypted with keys of callers",
    "SSECustomerKeyMD5": "objects are not encrypted with keys of callers",
    "SSEKMSEncryptionContext": "nothing is encrypted",
    "ServerSideEncryption": "nothing is encrypted",
    "SSEKMSKeyId": "nothing is encrypted",
    "BucketKeyEnabled": "nothing is encrypted",
    "ACL": "none but this account reads its buckets",
    "StorageClass": "there are no prices",
    "Rules": "nothing expires",
}

BUCKET = "Bucket ExpectedBucketOwner"
KEY = f"{BUCKET} Key RequestPayer"
# Of a body that is XML or JSON.
CHECKED = f"{BUCKET} ContentMD5 ChecksumAlgorithm"
CHECKSUMS = """
    ContentMD5 ChecksumAlgorithm ChecksumCRC32 ChecksumCRC32C ChecksumCRC64NVME
    ChecksumSHA1 ChecksumSHA256
"""
HEADERS = """
    CacheControl ContentDisposition ContentEncoding ContentLanguage ContentType Expires
    Metadata
"""
STORED_HEADERS = "ACL ServerSideEncryption SSEKMSKeyId StorageClass"
READ = f"""
    {KEY} IfMatch IfModifiedSince IfNoneMatch IfUnmodifiedSince Range
    PartNumber ResponseCacheControl ResponseContentDisposition ResponseContentEncoding
    ResponseContentLanguage ResponseContentType ResponseExpires VersionId ChecksumMode
"""
SOURCE = """
    CopySource CopySourceIfMatch CopySourceIfModifiedSince CopySourceIfNoneMatch
    CopySourceIfUnmodifiedSince ExpectedSourceBucketOwner
"""
LISTED = f"{BUCKET} Delimiter EncodingType MaxKeys Prefix RequestPayer"
PARTS = "MultipartUpload.Parts"

ACTIONS: dict[str, Rules] = {
    # Buckets.
    "CreateBucket": {
        IMPLEMENTED: """
            Bucket CreateBucketConfiguration.LocationConstraint BucketNamespace
            ObjectOwnership
        """,
        STORED: "ACL",
    },
    "PutBucketEncryption": {
        IMPLEMENTED: CHECKED,
        STORED: """
            ServerSideEncryptionConfiguration.Rules.ApplyServerSideEncryptionByDefault
            ServerSideEncryptionConfiguration.Rules.BucketKeyEnabled
        """,
    },
    "PutPublicAccessBlock": {
        IMPLEMENTED: f"""
            {CHECKED} PublicAccessBlockConfiguration.BlockPublicAcls
            PublicAccessBlockConfiguration.BlockPublicPolicy
        """,
        STORED: "PublicAccessBlockConfiguration",
    },
    "PutBucketLifecycleConfiguration": {
        IMPLEMENTED: f"""
            {BUCKET} ChecksumAlgorithm
            TransitionDefaultMinimumObjectSize=all_storage_classes_128K
        """,
        STORED: """
            LifecycleConfiguration.Rules.ID LifecycleConfiguration.Rules.Prefix
            LifecycleConfiguration.Rules.Status LifecycleConfiguration.Rules.Expiration
            LifecycleConfiguration.Rules.Filter.Prefix
            LifecycleConfiguration.Rules.Filter.Tag
            LifecycleConfiguration.Rules.Filter.And.Prefix
            LifecycleConfiguration.Rules.Filter.And.Tags
            LifecycleConfiguration.Rules.Transitions
            LifecycleConfiguration.Rules.NoncurrentVersionTransitions
            LifecycleConfiguration.Rules.NoncurrentVersionExpiration.NoncurrentDays
            LifecycleConfiguration.Rules.AbortIncompleteMultipartUpload
        """,
    },
    "PutBucketAcl": {IMPLEMENTED: CHECKED, STORED: "ACL"},
    "PutBucketCors": {IMPLEMENTED: CHECKED, STORED: "CORSConfiguration"},
    **done(
        ListBuckets="MaxBuckets ContinuationToken Prefix BucketRegion",
        HeadBucket=BUCKET,
        DeleteBucket=BUCKET,
        GetBucketLocation=BUCKET,
        PutBucketVersioning=f"{CHECKED} VersioningConfiguration.Status",
        GetBucketVersioning=BUCKET,
        GetBucketEncryption=BUCKET,
        DeleteBucketEncryption=BUCKET,
        GetPublicAccessBlock=BUCKET,
        DeletePublicAccessBlock=BUCKET,
        PutBucketOwnershipControls=f"{CHECKED} OwnershipControls",
        GetBucketOwnershipControls=BUCKET,
        DeleteBucketOwnershipControls=BUCKET,
        GetBucketLifecycleConfiguration=BUCKET,
        DeleteBucketLifecycle=BUCKET,
        PutBucketPolicy=f"{CHECKED} Policy",
        GetBucketPolicy=BUCKET,
        GetBucketPolicyStatus=BUCKET,
        DeleteBucketPolicy=BUCKET,
        PutBucketTagging=f"{CHECKED} Tagging",
        GetBucketTagging=BUCKET,
        DeleteBucketTagging=BUCKET,
        GetBucketAcl=BUCKET,
        GetBucketCors=BUCKET,
        DeleteBucketCors=BUCKET,
        PutBucketLogging=f"""
            {CHECKED} BucketLoggingStatus.LoggingEnabled.TargetBucket
            BucketLoggingStatus.LoggingEnabled.TargetPrefix
        """,
        GetBucketLogging=BUCKET,
        # Nothing of these can be put: they answer that there is none.
        GetBucketWebsite=BUCKET,
        GetBucketReplication=BUCKET,
        GetBucketNotificationConfiguration=BUCKET,
        GetBucketAccelerateConfiguration=f"{BUCKET} RequestPayer",
    ),
    # Objects.
    "PutObject": {
        IMPLEMENTED: f"""
            {KEY} Body ContentLength {CHECKSUMS} {HEADERS} IfMatch IfNoneMatch Tagging
        """,
        STORED: f"{STORED_HEADERS} BucketKeyEnabled WebsiteRedirectLocation",
    },
    "PostObject": {
        IMPLEMENTED: """
            key file policy success_action_status success_action_redirect x-amz-meta-*
            content-type cache-control content-disposition content-encoding expires
        """,
        STORED: "acl",
    },
    "CopyObject": {
        IMPLEMENTED: f"""
            {KEY} {SOURCE} {HEADERS} MetadataDirective Tagging TaggingDirective IfMatch
            IfNoneMatch ChecksumAlgorithm
        """,
        STORED: f"{STORED_HEADERS} BucketKeyEnabled WebsiteRedirectLocation",
    },
    "PutObjectAcl": {IMPLEMENTED: f"{CHECKED} Key RequestPayer", STORED: "ACL"},
    **done(
        GetObject=READ,
        HeadObject=READ,
        GetObjectAttributes=f"""
            {KEY} VersionId ObjectAttributes=ETag ObjectAttributes=Checksum
            ObjectAttributes=StorageClass ObjectAttributes=ObjectSize
        """,
        DeleteObject=f"{KEY} VersionId IfMatch",
        DeleteObjects=f"""
            {BUCKET} ChecksumAlgorithm RequestPayer Delete.Objects.Key
            Delete.Objects.VersionId Delete.Quiet
        """,
        GetObjectAcl=f"{KEY} VersionId",
        PutObjectTagging=f"{KEY} VersionId Tagging ContentMD5 ChecksumAlgorithm",
        GetObjectTagging=f"{KEY} VersionId",
        DeleteObjectTagging=f"{BUCKET} Key VersionId",
        ListObjects=f"{LISTED} Marker",
        ListObjectsV2=f"{LISTED} ContinuationToken FetchOwner StartAfter",
        ListObjectVersions=f"{LISTED} KeyMarker VersionIdMarker",
    ),
    # Uploads in parts.
    "CreateMultipartUpload": {
        IMPLEMENTED: f"{KEY} {HEADERS} Tagging ChecksumAlgorithm ChecksumType",
        STORED: STORED_HEADERS,
    },
    **done(
        UploadPart=f"{KEY} Body ContentLength {CHECKSUMS} PartNumber UploadId",
        UploadPartCopy=f"{KEY} {SOURCE} CopySourceRange PartNumber UploadId",
        CompleteMultipartUpload=f"""
            {KEY} UploadId IfMatch IfNoneMatch MpuObjectSize ChecksumType ChecksumCRC32
            ChecksumCRC32C ChecksumCRC64NVME ChecksumSHA1 ChecksumSHA256
            {PARTS}.ETag {PARTS}.PartNumber {PARTS}.ChecksumCRC32 {PARTS}.ChecksumCRC32C
            {PARTS}.ChecksumCRC64NVME {PARTS}.ChecksumSHA1 {PARTS}.ChecksumSHA256
        """,
        AbortMultipartUpload=f"{KEY} UploadId",
        ListMultipartUploads=f"""
            {BUCKET} Delimiter EncodingType KeyMarker MaxUploads Prefix UploadIdMarker
            RequestPayer
        """,
        ListParts=f"{KEY} MaxParts PartNumberMarker UploadId",
    ),
}

S3 = Service(name="s3", title="S3", actions=ACTIONS, reasons=REASONS)

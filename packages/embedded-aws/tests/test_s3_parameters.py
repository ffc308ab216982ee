"""What S3's parameters do: each that is taken has its effect, or is told again."""

import json
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError
from embedded_account import refusal
from embedded_aws.account import ACCOUNT_ID

STORED = {
    "CacheControl": "max-age=60",
    "ContentDisposition": "attachment",
    "ContentEncoding": "gzip",
    "ContentLanguage": "de",
    "ContentType": "text/csv",
    "Metadata": {"rows": "5"},
    "ServerSideEncryption": "aws:kms",
    "SSEKMSKeyId": "alias/key",
    "StorageClass": "STANDARD_IA",
}
LATER = datetime(2100, 1, 1, tzinfo=UTC)
EARLIER = datetime(2000, 1, 1, tzinfo=UTC)
POLICY = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject"}


@pytest.fixture
def s3(client):
    """Give a client of S3."""
    return client("s3")


@pytest.fixture
def where(s3, name):
    """Name an object of a new bucket that does not exist."""
    s3.create_bucket(Bucket=name)
    return {"Bucket": name, "Key": "key"}


def upload(s3, where, bodies, given=None, **more):
    """Upload an object in parts, and return the answer."""
    begun = s3.create_multipart_upload(**where, **(given or {}))
    call = where | {"UploadId": begun["UploadId"]}
    parts = [
        {
            "PartNumber": number,
            "ETag": s3.upload_part(**call, PartNumber=number, Body=body)["ETag"],
        }
        for number, body in enumerate(bodies, 1)
    ]
    return s3.complete_multipart_upload(
        **call, MultipartUpload={"Parts": parts}, **more
    )


@pytest.mark.parametrize("way", ["put", "upload", "copy"])
def test_what_is_stored_with_an_object_is_told(s3, where, way):
    """However the object is made."""
    tagged = {"Tagging": "a=1&b=2"}
    if way == "put":
        s3.put_object(**where, Body=b"x", **STORED, **tagged)
    elif way == "upload":
        upload(s3, where, [b"x"], STORED | tagged)
    else:
        s3.put_object(Bucket=where["Bucket"], Key="source", Body=b"x")
        source = {"Bucket": where["Bucket"], "Key": "source"}
        replace = {"MetadataDirective": "REPLACE", "TaggingDirective": "REPLACE"}
        s3.copy_object(**where, CopySource=source, **replace, **STORED, **tagged)
    found = s3.head_object(**where)
    assert {name: found[name] for name in STORED} == STORED
    tags = s3.get_object_tagging(**where)["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"a": "1", "b": "2"}


def test_a_copy_takes_over_what_it_is_not_told_to_replace(s3, where):
    """Metadata and tags of its source, whatever else the call gives."""
    source = {"Bucket": where["Bucket"], "Key": "source"}
    s3.put_object(**source, Body=b"x", Metadata={"rows": "5"}, Tagging="a=1")
    s3.copy_object(**where, CopySource=source, Metadata={"rows": "6"})
    assert s3.head_object(**where)["Metadata"] == {"rows": "5"}
    assert s3.get_object_tagging(**where)["TagSet"] == [{"Key": "a", "Value": "1"}]


@pytest.mark.parametrize("etag", ["{}", '"{}"'])
@pytest.mark.parametrize(
    ("condition", "fails"),
    [
        ({"IfMatch": "same"}, None),
        ({"IfMatch": "other"}, "PreconditionFailed"),
        ({"IfNoneMatch": "same"}, "304"),
        ({"IfNoneMatch": "other"}, None),
        ({"IfModifiedSince": LATER}, "304"),
        ({"IfModifiedSince": EARLIER}, None),
        ({"IfUnmodifiedSince": LATER}, None),
        ({"IfUnmodifiedSince": EARLIER}, "PreconditionFailed"),
    ],
    ids=str,
)
def test_an_object_is_read_under_conditions(s3, where, condition, fails, etag):
    """With an ETag in quotes or without; HEAD answers as GET does."""
    known = s3.put_object(**where, Body=b"x")["ETag"].strip('"')
    etags = {"same": etag.format(known), "other": etag.format("0" * 32)}
    given = {name: etags.get(value, value) for name, value in condition.items()}
    if not fails:
        s3.get_object(**where, **given)
        s3.head_object(**where, **given)
        return
    assert refusal(s3.get_object, **where, **given)[0] == fails
    without_body = {"PreconditionFailed": "412"}.get(fails, fails)
    assert refusal(s3.head_object, **where, **given)[0] == without_body


@pytest.mark.parametrize("way", ["put", "upload", "copy"])
def test_an_object_is_written_under_conditions(s3, where, way):
    """If there is none, or it has an ETag; however it is made."""
    source = {"Bucket": where["Bucket"], "Key": "source"}
    s3.put_object(**source, Body=b"new")

    def write(**condition):
        if way == "put":
            s3.put_object(**where, Body=b"new", **condition)
        elif way == "upload":
            upload(s3, where, [b"new"], None, **condition)
        else:
            s3.copy_object(**where, CopySource=source, **condition)

    assert refusal(write, IfMatch='"0"')[0] == "NoSuchKey"
    write(IfNoneMatch="*")
    assert refusal(write, IfNoneMatch="*")[0] == "PreconditionFailed"
    assert refusal(write, IfMatch='"0"')[0] == "PreconditionFailed"
    write(IfMatch=s3.head_object(**where)["ETag"])


def test_of_writers_at_once_one_makes_an_object_that_is_not_there(s3, where):
    """The others are told that it is."""

    def write(number):
        try:
            s3.put_object(**where, Body=b"%d" % number, IfNoneMatch="*")
        except s3.exceptions.ClientError as error:
            return error.response["Error"]["Code"]
        return "written"

    with ThreadPoolExecutor(8) as pool:
        found = sorted(pool.map(write, range(8)))
    assert found == ["PreconditionFailed"] * 7 + ["written"]


def test_a_copy_may_say_what_its_source_is(s3, where):
    """Whole, or of a part."""
    source = {"Bucket": where["Bucket"], "Key": "source"}
    etag = s3.put_object(**source, Body=b"x")["ETag"]
    begun = s3.create_multipart_upload(**where)["UploadId"]
    part = {"UploadId": begun, "PartNumber": 1}
    for call, more in ((s3.copy_object, {}), (s3.upload_part_copy, part)):
        given = where | more | {"CopySource": source}
        call(**given, CopySourceIfMatch=etag, CopySourceIfModifiedSince=EARLIER)
        for condition in (
            {"CopySourceIfMatch": '"0"'},
            {"CopySourceIfNoneMatch": etag},
            {"CopySourceIfUnmodifiedSince": EARLIER},
            {"CopySourceIfModifiedSince": LATER},
        ):
            assert refusal(call, **given, **condition)[0] == "PreconditionFailed"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"MpuObjectSize": 4}, "InvalidRequest"),
        ({"ChecksumCRC32": "AAAAAA=="}, "BadDigest"),
    ],
    ids=["size", "checksum"],
)
def test_an_upload_is_what_its_completion_says(s3, where, given, code):
    """Its size and its checksum are compared."""
    crc32 = {"ChecksumAlgorithm": "CRC32", "ChecksumType": "FULL_OBJECT"}
    assert refusal(upload, s3, where, [b"abc"], crc32, **given)[0] == code
    upload(s3, where, [b"abc"], crc32, ChecksumCRC32="NSRBwg==", MpuObjectSize=3)


def test_a_part_is_what_its_completion_says(s3, where):
    """Checksums of parts are compared."""
    algorithm = {"ChecksumAlgorithm": "CRC32"}
    begun = s3.create_multipart_upload(**where, **algorithm)
    call = where | {"UploadId": begun["UploadId"]}
    part = s3.upload_part(**call, PartNumber=1, Body=b"abc", **algorithm)
    own = {"PartNumber": 1, "ETag": part["ETag"]}
    for checksum, code in (("AAAAAA==", "InvalidPart"), ("NSRBwg==", None)):
        given = {"Parts": [own | {"ChecksumCRC32": checksum}]}
        if code:
            complete = s3.complete_multipart_upload
            assert refusal(complete, **call, MultipartUpload=given)[0] == code
        else:
            s3.complete_multipart_upload(**call, MultipartUpload=given)


def test_objects_are_listed_as_asked(s3, where):
    """By prefix, folder and page, from where the last page ended, with owners."""
    bucket = where["Bucket"]
    for key in ("a/1", "a/2", "b c", "d"):
        s3.put_object(Bucket=bucket, Key=key)

    def listed(**given):
        page = s3.list_objects_v2(Bucket=bucket, **given)
        folders = [each["Prefix"] for each in page.get("CommonPrefixes", [])]
        return folders + [each["Key"] for each in page.get("Contents", [])]

    assert listed(Prefix="a/") == ["a/1", "a/2"]
    assert listed(Delimiter="/") == ["a/", "b c", "d"]
    assert listed(StartAfter="a/2") == ["b c", "d"]
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, PaginationConfig={"PageSize": 1}
    )
    found = [each["Key"] for page in pages for each in page["Contents"]]
    assert found == ["a/1", "a/2", "b c", "d"]
    for wanted in (True, False):
        page = s3.list_objects_v2(Bucket=bucket, FetchOwner=wanted)
        assert ("Owner" in page["Contents"][0]) == wanted


def test_versions_and_uploads_are_listed_as_asked(s3, where):
    """In pages, by prefix and folder, with keys as XML cannot have them."""
    bucket = where["Bucket"]
    on = {"Status": "Enabled"}
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=on)
    for _ in range(2):
        s3.put_object(Bucket=bucket, Key="a\x01b")
    found = s3.list_object_versions(Bucket=bucket)["Versions"]
    assert [each["Key"] for each in found] == ["a\x01b"] * 2
    for key in ("u/1", "u/2", "v"):
        s3.create_multipart_upload(Bucket=bucket, Key=key, StorageClass="GLACIER_IR")
    pages = s3.get_paginator("list_multipart_uploads").paginate(
        Bucket=bucket, PaginationConfig={"PageSize": 1}
    )
    uploads = [each for page in pages for each in page["Uploads"]]
    assert [each["Key"] for each in uploads] == ["u/1", "u/2", "v"]
    assert {each["StorageClass"] for each in uploads} == {"GLACIER_IR"}
    assert datetime.now(UTC) - uploads[0]["Initiated"] < timedelta(minutes=5)
    page = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/", Prefix="u")
    assert [each["Prefix"] for each in page["CommonPrefixes"]] == ["u/"]


def test_a_delete_marker_is_no_object(s3, where):
    """Its version can only be deleted; without one the object is not there."""
    versioned = {"Status": "Enabled"}
    s3.put_bucket_versioning(Bucket=where["Bucket"], VersioningConfiguration=versioned)
    s3.put_object(**where, Body=b"content")
    marker = s3.delete_object(**where)["VersionId"]
    version = where | {"VersionId": marker}
    copied = {"Bucket": where["Bucket"], "Key": "copy", "CopySource": version}

    for call, given, code in (
        (s3.get_object, version, "MethodNotAllowed"),
        (s3.get_object_tagging, version, "MethodNotAllowed"),
        (s3.get_object, where, "NoSuchKey"),
    ):
        with pytest.raises(ClientError) as caught:
            call(**given)
        answer = caught.value.response
        headers = answer["ResponseMetadata"]["HTTPHeaders"]
        assert answer["Error"]["Code"] == code
        assert headers["x-amz-delete-marker"] == "true"
        assert headers["x-amz-version-id"] == marker
        assert headers.get("allow", "DELETE") == "DELETE"
    code, message = refusal(s3.copy_object, **copied)
    assert (code, "delete marker" in message) == ("InvalidRequest", True)
    s3.delete_object(**version)
    assert s3.get_object(**where)["Body"].read() == b"content"


def test_buckets_are_listed_in_pages(s3, name):
    """As the AWS CLI asks for them."""
    for letter in "abc":
        s3.create_bucket(Bucket=f"{name}-{letter}")
    pages = s3.get_paginator("list_buckets").paginate(
        Prefix=name, PaginationConfig={"PageSize": 2}
    )
    sizes = [len(page["Buckets"]) for page in pages]
    assert sizes == [2, 1]


def test_deletes_quietly(s3, where):
    """Quiet tells of errors only."""
    given = {"Objects": [{"Key": "key"}]}
    call = {"Bucket": where["Bucket"]}
    assert "Deleted" in s3.delete_objects(**call, Delete=given)
    assert "Deleted" not in s3.delete_objects(**call, Delete=given | {"Quiet": True})


def test_tags_of_what_is_not_there(s3, where):
    """They cannot be read, put or deleted."""
    for call, more in (
        (s3.get_object_tagging, {}),
        (s3.put_object_tagging, {"Tagging": {"TagSet": []}}),
        (s3.delete_object_tagging, {}),
    ):
        assert refusal(call, **where, **more)[0] == "NoSuchKey"


@pytest.mark.parametrize(
    ("what", "given"),
    [
        ("bucket_versioning", {"VersioningConfiguration": {"Status": "Enabled"}}),
        (
            "public_access_block",
            {
                "PublicAccessBlockConfiguration": {
                    "BlockPublicAcls": True,
                    "IgnorePublicAcls": False,
                    "BlockPublicPolicy": True,
                    "RestrictPublicBuckets": False,
                }
            },
        ),
        (
            "bucket_encryption",
            {
                "ServerSideEncryptionConfiguration": {
                    "Rules": [
                        {
                            "ApplyServerSideEncryptionByDefault": {
                                "SSEAlgorithm": "aws:kms",
                                "KMSMasterKeyID": "alias/key",
                            },
                            "BucketKeyEnabled": True,
                        }
                    ]
                }
            },
        ),
        (
            "bucket_lifecycle_configuration",
            {
                "LifecycleConfiguration": {
                    "Rules": [
                        {
                            "ID": "old",
                            "Status": "Enabled",
                            "Filter": {
                                "And": {
                                    "Prefix": "runs/",
                                    "Tags": [{"Key": "may-expire", "Value": "true"}],
                                }
                            },
                            "Expiration": {"Days": 90},
                            "NoncurrentVersionExpiration": {"NoncurrentDays": 5},
                            "AbortIncompleteMultipartUpload": {
                                "DaysAfterInitiation": 7
                            },
                        }
                    ]
                }
            },
        ),
        ("bucket_tagging", {"Tagging": {"TagSet": [{"Key": "a", "Value": "1"}]}}),
        (
            "bucket_ownership_controls",
            {"OwnershipControls": {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}},
        ),
        (
            "bucket_cors",
            {
                "CORSConfiguration": {
                    "CORSRules": [
                        {
                            "ID": "one",
                            "AllowedOrigins": ["https://a.example"],
                            "AllowedMethods": ["GET"],
                            "AllowedHeaders": ["*"],
                            "ExposeHeaders": ["ETag"],
                            "MaxAgeSeconds": 60,
                        }
                    ]
                }
            },
        ),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_what_a_bucket_is_set_up_with_is_told(s3, where, what, given):
    """As it was given, all of it."""
    bucket = where["Bucket"]
    getattr(s3, f"put_{what}")(Bucket=bucket, **given)
    found = getattr(s3, f"get_{what}")(Bucket=bucket)
    (wanted,) = given.values()
    told = found.get(next(iter(given)), found)
    assert {name: told[name] for name in wanted} == wanted


def test_a_new_bucket_is_not_public(s3, where):
    """Its owner owns what is in it, it takes no ACLs, and public access is blocked."""
    bucket = {"Bucket": where["Bucket"]}
    block = s3.get_public_access_block(**bucket)["PublicAccessBlockConfiguration"]
    assert all(block.values())
    given = where | {"ACL": "public-read"}
    assert refusal(s3.put_object, **given)[0] == "AccessControlListNotSupported"
    s3.put_object(**where, ACL="bucket-owner-full-control")
    rules = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    s3.put_bucket_ownership_controls(**bucket, OwnershipControls=rules)
    code, message = refusal(s3.put_object, **given)
    assert (code, "BlockPublicAcls" in message) == ("AccessDenied", True)
    s3.delete_public_access_block(**bucket)
    s3.put_object(**given)
    grants = s3.get_object_acl(**where)["Grants"]
    assert any(each["Grantee"].get("URI", "").endswith("AllUsers") for each in grants)


def test_only_the_account_owns_a_bucket(s3, where):
    """A call that expects another owner is denied."""
    s3.put_object(**where, ExpectedBucketOwner=ACCOUNT_ID)
    for call, given in (
        (s3.put_object, where),
        (s3.get_object, where),
        (s3.list_objects_v2, {"Bucket": where["Bucket"]}),
    ):
        denied = refusal(call, **given, ExpectedBucketOwner="111122223333")
        assert denied[0] in ("AccessDenied", "403")


@pytest.mark.parametrize(
    ("operation", "given", "named"),
    [
        ("put_object", {"SSECustomerAlgorithm": "AES256"}, "SSECustomerAlgorithm"),
        ("put_object", {"ObjectLockMode": "GOVERNANCE"}, "ObjectLockMode"),
        ("put_object", {"GrantRead": "id=1"}, "GrantRead"),
        ("get_object_retention", {}, "GetObjectRetention has not been implemented"),
        ("get_object_torrent", {}, "GetObjectTorrent has not been implemented"),
        ("restore_object", {"RestoreRequest": {"Days": 1}}, "RestoreObject has not"),
        ("delete_object", {"MFA": "1 2"}, "MFA: there are no MFA devices"),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_what_would_be_ignored_is_refused(s3, where, operation, given, named):
    """By name, before anything changes."""
    if "SSECustomerAlgorithm" in given:
        given = given | {"SSECustomerKey": "k" * 32}
    _, message = refusal(getattr(s3, operation), **where, **given)
    assert named in message
    assert s3.list_objects_v2(Bucket=where["Bucket"])["KeyCount"] == 0


@pytest.mark.parametrize("query", ["?requestPayment", "?analytics", "?abac", "?new"])
def test_what_a_bucket_does_not_have_is_no_list_of_its_objects(
    embedded, s3, where, query
):
    """A part of a bucket that is not served is refused."""
    url = s3.generate_presigned_url("head_bucket", {"Bucket": where["Bucket"]})
    path = url.partition("?")[0]
    signed = query + "&" + url.partition("?")[2]
    with pytest.raises(urllib.request.HTTPError) as caught:
        urllib.request.urlopen(f"{path}{signed}")
    assert caught.value.code == 400
    assert b"mplement" in caught.value.read()


def deny(s3, bucket, **changes):
    """Put a policy that denies something of the bucket's objects."""
    resource = {"Resource": f"arn:aws:s3:::{bucket}/*"}
    document = {"Version": "2012-10-17", "Statement": [POLICY | resource | changes]}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(document))


@pytest.mark.parametrize(
    ("condition", "given", "denied"),
    [
        ({"Bool": {"aws:SecureTransport": "false"}}, {}, False),
        ({"ArnNotEquals": {"aws:PrincipalArn": "arn:aws:iam::1:role/a"}}, {}, True),
        (
            {"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}},
            {"ServerSideEncryption": "aws:kms"},
            False,
        ),
        (
            {"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}},
            {"ServerSideEncryption": "AES256"},
            True,
        ),
        ({"Null": {"s3:if-none-match": "true"}}, {"IfNoneMatch": "*"}, False),
        ({"Null": {"s3:if-none-match": "true"}}, {}, True),
        ({"StringEquals": {"s3:RequestObjectTag/a": "1"}}, {"Tagging": "a=1"}, True),
        ({"StringEquals": {"s3:RequestObjectTag/a": "1"}}, {"Tagging": "a=2"}, False),
    ],
    ids=str,
)
def test_a_policy_denies_under_its_conditions(s3, where, condition, given, denied):
    """And nothing where they do not hold."""
    deny(s3, where["Bucket"], Condition=condition)
    if denied:
        assert refusal(s3.put_object, **where, **given)[0] == "AccessDenied"
    else:
        s3.put_object(**where, **given)


def test_a_policy_denies_what_it_names(s3, where):
    """Its actions, its objects, its principals, whatever the call is named."""
    bucket = where["Bucket"]
    s3.put_object(**where, Body=b"x")
    deny(s3, bucket, Action=["s3:GetObject", "s3:DeleteObject"])
    s3.put_object(Bucket=bucket, Key="other")
    assert refusal(s3.get_object, **where)[0] == "AccessDenied"
    assert refusal(s3.head_object, **where)[0] == "403"
    source = {"CopySource": where}
    assert (
        refusal(s3.copy_object, Bucket=bucket, Key="b", **source)[0] == "AccessDenied"
    )
    given = {"Objects": [{"Key": "key"}]}
    (error,) = s3.delete_objects(Bucket=bucket, Delete=given)["Errors"]
    assert error["Code"] == "AccessDenied"
    deny(s3, bucket, Action="s3:GetObject", Principal={"AWS": "111122223333"})
    assert s3.get_object(**where)["Body"].read() == b"x"
    everything = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    deny(s3, bucket, Action="s3:*", Resource=everything)
    assert refusal(s3.list_objects_v2, Bucket=bucket)[0] == "AccessDenied"
    s3.delete_bucket_policy(Bucket=bucket)
    s3.list_objects_v2(Bucket=bucket)


def test_a_source_is_read_as_what_is_copied(s3, where):
    """A key may look as if it named a version: what a policy denies stays denied."""
    bucket, key = where["Bucket"], "a?versionId=b"
    s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    source = {"CopySource": {"Bucket": bucket, "Key": key}}
    s3.copy_object(**where, **source)
    deny(s3, bucket, Action="s3:GetObject")
    assert refusal(s3.copy_object, **where, **source)[0] == "AccessDenied"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"Condition": {"IpAddress": {"aws:SourceIp": "1.2.3.4"}}}, "aws:SourceIp"),
        ({"Condition": {"Near": {"aws:Referer": "a"}}}, "'Near': not known"),
        ({"Principal": {"CanonicalUser": "1"}}, "CanonicalUser"),
        ({"Resource": "arn:aws:s3:::other/*"}, "invalid resource"),
        ({"Effect": "Perhaps"}, "Effect"),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_a_policy_that_is_not_evaluated_is_refused(s3, where, changes, named):
    """By what is not."""
    code, message = refusal(deny, s3, where["Bucket"], **changes)
    assert (code, named in message) == ("MalformedPolicy", True), message


def test_a_presigned_url_has_its_parameters_in_the_query(s3, where):
    """As SDKs in JavaScript sign them; what a header says counts, too."""
    url = s3.generate_presigned_url("put_object", where)
    url += "&x-amz-storage-class=STANDARD_IA&x-amz-meta-rows=5"
    request = urllib.request.Request(url, data=b"x", method="PUT")
    urllib.request.urlopen(request).close()
    found = s3.head_object(**where)
    assert (found["StorageClass"], found["Metadata"]) == ("STANDARD_IA", {"rows": "5"})


def test_a_url_that_boto3_presigns_has_its_headers_in_the_query_again(s3, where):
    """As it signs without a version that is asked for: the client sends them, too."""
    given = {"ContentType": "text/csv", "Metadata": {"rows": "5"}}
    url = s3.generate_presigned_url("put_object", where | given)
    assert "content-type=text%2Fcsv" in url
    headers = {"Content-Type": "text/csv", "x-amz-meta-rows": "5"}
    request = urllib.request.Request(url, data=b"x", method="PUT", headers=headers)
    urllib.request.urlopen(request).close()
    found = s3.head_object(**where)
    assert {key: found[key] for key in given} == given


@pytest.mark.parametrize(
    ("operation", "given", "code"),
    [
        ("put_object", {"ServerSideEncryption": "none"}, "InvalidArgument"),
        ("put_object", {"SSEKMSKeyId": "alias/key"}, "InvalidArgument"),
        ("put_object", {"StorageClass": "COLD"}, "InvalidStorageClass"),
        ("put_object", {"ACL": "everybody"}, "InvalidArgument"),
        ("put_object", {"Key": "k" * 1025}, "KeyTooLongError"),
        ("put_object", {"Metadata": {"a": "x" * 2048}}, "MetadataTooLarge"),
        (
            "put_object_tagging",
            {"Tagging": {"TagSet": [{"Key": "a", "Value": v} for v in "12"]}},
            "InvalidTag",
        ),
        ("upload_part", {"UploadId": "none", "PartNumber": 1}, "NoSuchUpload"),
        ("upload_part", {"UploadId": "none", "PartNumber": 0}, "InvalidArgument"),
        ("complete_multipart_upload", {"UploadId": "none"}, "NoSuchUpload"),
        (
            "list_objects_v2",
            {"Key": None, "ContinuationToken": "none"},
            "InvalidArgument",
        ),
        ("list_objects_v2", {"Key": None, "MaxKeys": -1}, "InvalidArgument"),
        (
            "put_bucket_versioning",
            {"Key": None, "VersioningConfiguration": {"Status": "Perhaps"}},
            "MalformedXML",
        ),
        (
            "put_bucket_lifecycle_configuration",
            {
                "Key": None,
                "LifecycleConfiguration": {
                    "Rules": [{"Status": "Enabled", "Filter": {"Prefix": ""}}]
                },
            },
            "InvalidRequest",
        ),
        ("create_bucket", {"Key": None, "Bucket": "Of_Old"}, "InvalidBucketName"),
        (
            "create_bucket",
            {"Key": None, "Bucket": "with-acl", "ACL": "public-read"},
            "InvalidBucketAclWithObjectOwnership",
        ),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_a_value_that_s3_does_not_take_is_refused(s3, where, operation, given, code):
    """With S3's code; moto takes most of them."""
    call = {name: v for name, v in (where | given).items() if v is not None}
    assert refusal(getattr(s3, operation), **call)[0] == code


def test_parts_are_of_their_upload_and_in_order(s3, where):
    """Another key has no such upload; a copied part is in its source."""
    begun = s3.create_multipart_upload(**where)["UploadId"]
    other = where | {"Key": "other", "UploadId": begun, "PartNumber": 1}
    assert refusal(s3.upload_part, **other, Body=b"x")[0] == "NoSuchUpload"
    call = where | {"UploadId": begun}
    s3.put_object(Bucket=where["Bucket"], Key="source", Body=b"0123456789")
    source = {"CopySource": {"Bucket": where["Bucket"], "Key": "source"}}
    beyond = source | {"CopySourceRange": "bytes=5-10", "PartNumber": 1}
    assert refusal(s3.upload_part_copy, **call, **beyond)[0] == "InvalidRequest"
    parts = [
        {"PartNumber": n, "ETag": s3.upload_part(**call, PartNumber=n)["ETag"]}
        for n in (2, 1)
    ]
    code, _ = refusal(
        s3.complete_multipart_upload, **call, MultipartUpload={"Parts": parts}
    )
    assert code == "InvalidPartOrder"


def test_objects_are_encrypted_by_default(s3, where):
    """As S3 says of each that is stored since 2023."""
    s3.put_object(**where)
    assert s3.head_object(**where)["ServerSideEncryption"] == "AES256"


def test_a_range_that_is_none_gives_the_whole(s3, where):
    """As on S3."""
    s3.put_object(**where, Body=b"abc")
    assert s3.get_object(**where, Range="lines=1-2")["Body"].read() == b"abc"

"""moto's server, with the one answer mended that no AWS SDK reads."""

from moto.s3.responses import S3Response
from moto.server import main

LIST_PARTS = S3Response.list_parts


def list_parts(response):
    """ListParts below the root element of the S3 API; moto 5.2 calls it ListPartsResponse."""
    status, headers, body = LIST_PARTS(response)
    return status, headers, body.replace("ListPartsResponse", "ListPartsResult")


S3Response.list_parts = list_parts

if __name__ == "__main__":
    main()

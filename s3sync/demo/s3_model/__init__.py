"""How S3 behaves in a migration, as a program that can be read and run: an executable specification.

One request is one act (S3 is strongly consistent), time is an argument, nothing is random, no sockets. `Service.call`
takes an operation and its parameters under boto3's names and answers boto3's values, or raises `Refused`.

| module | what it says |
|---|---|
| `content` | bodies, ETags by encryption, checksums by kind |
| `stored` | buckets, keys, versions, delete markers, uploads, refusals |
| `conditions` | If-Match and its relatives, on the source and on the target |
| `objects` | put, get, head, copy, delete, tags, listings |
| `uploads` | multipart uploads and their listing |
| `keeping` | archive and restore, object lock, annotations |
| `queues` | SQS: at least once, unordered, a visibility timeout, dead letters |
| `service` | the table of operations, and one act after the other |

A rule names the page of AWS's documentation that it is from, in quotes, or `[servers]` where a live server confirms it:
tests/contract/test_s3_model.py runs the same requests on the model and on the server. What a server does otherwise is
an entry of tests/servers/capabilities.py; `Service(departs=...)` takes those names, so the model can be such a server.
"""

from s3sync.demo.s3_model import keeping, objects, uploads
from s3sync.demo.s3_model.service import OPERATIONS, Service
from s3sync.demo.s3_model.stored import Refused

__all__ = ["OPERATIONS", "Refused", "Service", "keeping", "objects", "uploads"]

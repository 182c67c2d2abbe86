/* What an S3 server answers, over a computed source bucket, one target bitmap and a folder. */
#ifndef S3_H
#define S3_H

#include "http.h"
#include "space.h"

enum kind {
    COPY, HEAD_OBJECT, GET_OBJECT, PUT_OBJECT, LIST, DELETE_OBJECT, CREATE_UPLOAD, UPLOAD_PART, UPLOAD_PART_COPY,
    COMPLETE_UPLOAD, ABORT_UPLOAD, GET_TAGS, BUCKET, OTHER, KINDS
};

/* Buckets: names that begin with `source` hold the key space; `files` holds the files of `folder`; every other one is
 * the target, and holds the objects of the key space that were copied or put there.
 *
 * `copied` has a bit for each index. `copied_again` counts objects written more than once, `copied_wrong` those whose
 * key is none of the space, or not that of the source. */
struct s3 {
    struct space space;
    const char *folder;
    double throttle_share;
    uint8_t *copied;
    uint64_t requests[KINDS], copied_once, copied_again, copied_wrong, throttled, connections, draws;
};

/* Answer a request whose body, if any, has been read. */
void s3_answer(struct s3 *s3, const struct request *request, struct answer *answer);

#endif

/* Requests as they come in, answers as they go out. */
#ifndef HTTP_H
#define HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BUCKET_BYTES = 64, NAME_BYTES = 3400, QUERY_BYTES = 8192, HEAD_BYTES = 32768 };

enum method { GET, HEAD, PUT, POST, DELETE };

/* A buffer that grows. */
struct text {
    char *at;
    size_t length, room;
};

void text_add(struct text *text, const char *bytes, size_t length);
void text_print(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A key inside XML, escaped, or URL-encoded as `encoding-type=url` asks (a space is `+`, `/` stays). */
void text_key(struct text *text, const char *key, bool url);

/* `key`, and `copy_source` with its bucket before it, are decoded; an empty key is none. `last` is -1 where a range is
 * open to the end, `first` where there is none. */
struct request {
    enum method method;
    char bucket[BUCKET_BYTES], key[NAME_BYTES], query[QUERY_BYTES];
    char copy_source[NAME_BYTES], copy_if_match[BUCKET_BYTES];
    bool if_none_match, expects_continue, closes;
    int64_t first, last;
    uint64_t body_bytes;
};

/* Take a request's head from the beginning of `bytes`: its length, 0 where it is not all there, -1 where it is none. */
int64_t request_parse(struct request *request, char *bytes, size_t length);

/* True where the query has the parameter; its decoded value then stands in `value`. */
bool request_parameter(const struct request *request, const char *name, char *value, size_t room);

/* `text` is head and body; after it come `fill_bytes` of filling, or `file_bytes` of a file from `file_offset`. */
struct answer {
    struct text text;
    uint64_t fill_bytes;
    int file;
    int64_t file_offset, file_bytes;
};

/* The lines that every answer has; `headers` are more, each ending with CRLF. */
void answer_head(struct answer *answer, const char *status, uint64_t body_bytes, const char *headers);
void answer_xml(struct answer *answer, const char *status, const struct text *body);
void answer_error(struct answer *answer, const struct request *request, const char *status, const char *code);

#endif

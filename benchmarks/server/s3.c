#define _GNU_SOURCE
#include "s3.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOT_FOUND "404 Not Found"

static bool is_source(const char *bucket) { return strncmp(bucket, "source", 6) == 0; }

static bool is_copied(const struct s3 *s3, int64_t index) {
    return index >= 0 && (s3->copied[index / 8] >> (index % 8) & 1);
}

/* True where the bucket has the object. */
static bool has_object(const struct s3 *s3, const char *bucket, int64_t index) {
    return is_source(bucket) ? index >= 0 : is_copied(s3, index);
}

/* Objects by which s3sync tries out what a server heeds are no copies: it removes them itself. */
static void note_written(struct s3 *s3, const char *key, int64_t index) {
    if (strncmp(key, ".s3sync-", 8) == 0)
        return;
    int64_t target = space_find(&s3->space, key);
    if (target < 0 || (index >= 0 && index != target)) {
        s3->copied_wrong++;
    } else if (is_copied(s3, target)) {
        s3->copied_again++;
    } else {
        s3->copied[target / 8] |= (uint8_t)(1 << target % 8);
        s3->copied_once++;
    }
}

static void time_text(time_t time, const char *format, char text[64]) {
    struct tm parts;
    strftime(text, 64, format, gmtime_r(&time, &parts));
}

static void etag_of_key(const struct s3 *s3, const char *key, char etag[ETAG_BYTES]) {
    int64_t index = space_find(&s3->space, key);
    space_etag(&s3->space, index < 0 ? 0 : (uint64_t)index, etag);
}

static void answer_written(struct s3 *s3, const struct request *request, struct answer *answer) {
    char headers[128], etag[ETAG_BYTES];
    etag_of_key(s3, request->key, etag);
    snprintf(headers, sizeof headers, "ETag: \"%s\"\r\n", etag);
    answer_head(answer, "200 OK", 0, headers);
}

/* CopyObject and UploadPartCopy. The condition is checked where the source is known, so that a wrong one is refused. */
static void answer_copy(struct s3 *s3, const struct request *request, struct answer *answer, bool is_part) {
    struct text body = {0};
    char etag[ETAG_BYTES], now[64];
    const char *key = strchr(request->copy_source, '/');
    int64_t index = key ? space_find(&s3->space, key + 1) : -1;
    if (index < 0) {
        answer_error(answer, request, NOT_FOUND, "NoSuchKey");
        return;
    }
    space_etag(&s3->space, (uint64_t)index, etag);
    if ((request->copy_if_match[0] && strcmp(request->copy_if_match, etag) != 0) ||
        (request->if_none_match && has_object(s3, request->bucket, space_find(&s3->space, request->key)))) {
        answer_error(answer, request, "412 Precondition Failed", "PreconditionFailed");
        return;
    }
    if (!is_part)
        note_written(s3, request->key, index);
    time_text(time(NULL), "%Y-%m-%dT%H:%M:%S.000Z", now);
    const char *element = is_part ? "CopyPartResult" : "CopyObjectResult";
    text_print(&body, "<%s><LastModified>%s</LastModified><ETag>&quot;%s&quot;</ETag></%s>", element, now, etag, element);
    answer_xml(answer, "200 OK", &body);
    free(body.at);
}

/* HEAD and GET; a range where one is asked for. `size` bytes, from `file` or made up. */
static void answer_object(const struct request *request, struct answer *answer, int file, int64_t size,
                          const char *etag, time_t modified) {
    char headers[400], date[64], range[100] = "";
    int64_t first = 0, length = size;
    if (request->first >= 0 && request->first < size) {
        first = request->first;
        length = (request->last < 0 || request->last >= size ? size - 1 : request->last) - first + 1;
        snprintf(range, sizeof range, "Content-Range: bytes %" PRId64 "-%" PRId64 "/%" PRId64 "\r\n", first,
                 first + length - 1, size);
    }
    time_text(modified, "%a, %d %b %Y %H:%M:%S GMT", date);
    snprintf(headers, sizeof headers,
             "Content-Type: binary/octet-stream\r\nAccept-Ranges: bytes\r\nETag: \"%s\"\r\nLast-Modified: %s\r\n%s", etag,
             date, range);
    answer_head(answer, range[0] ? "206 Partial Content" : "200 OK", (uint64_t)length, headers);
    if (request->method == HEAD) {
        if (file >= 0)
            close(file);
    } else if (file >= 0) {
        answer->file = file;
        answer->file_offset = first;
        answer->file_bytes = length;
    } else {
        answer->fill_bytes = (uint64_t)length;
    }
}

static void answer_file(const struct s3 *s3, const struct request *request, struct answer *answer) {
    char path[NAME_BYTES + 512], etag[ETAG_BYTES];
    struct stat stat;
    snprintf(path, sizeof path, "%s/%s", s3->folder, request->key);
    int file = strstr(request->key, "..") ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (file >= 0 && fstat(file, &stat) == 0 && S_ISREG(stat.st_mode)) {
        snprintf(etag, sizeof etag, "%032" PRIx64, (uint64_t)stat.st_ino);
        answer_object(request, answer, file, stat.st_size, etag, stat.st_mtime);
        return;
    }
    if (file >= 0)
        close(file);
    answer_error(answer, request, NOT_FOUND, "NoSuchKey");
}

struct page {
    char prefix[NAME_BYTES], delimiter[16], after[NAME_BYTES];
    uint64_t most, found;
    bool url;
    struct text objects, prefixes;
};

static void page_object(const struct s3 *s3, struct page *page, uint64_t index, const char *key) {
    char etag[ETAG_BYTES], modified[64];
    space_etag(&s3->space, index, etag);
    time_text(space_time(index), "%Y-%m-%dT%H:%M:%S.000Z", modified);
    text_print(&page->objects, "<Contents><Key>");
    text_key(&page->objects, key, page->url);
    text_print(&page->objects,
               "</Key><LastModified>%s</LastModified><ETag>&quot;%s&quot;</ETag><Size>%" PRIu64
               "</Size><StorageClass>STANDARD</StorageClass></Contents>",
               modified, etag, s3->space.object_bytes);
}

/* One common prefix; returns the first index behind it. */
static uint64_t page_prefix(const struct s3 *s3, struct page *page, char *key, size_t length) {
    key[length] = '\0';
    text_print(&page->prefixes, "<CommonPrefixes><Prefix>");
    text_key(&page->prefixes, key, page->url);
    text_print(&page->prefixes, "</Prefix></CommonPrefixes>");
    key[length - 1]++; /* a delimiter is ASCII, so this is the next prefix in byte order */
    return space_from(&s3->space, key);
}

/* Fill the page from `index` on; returns the index that follows, the count where there is none. */
static uint64_t page_fill(const struct s3 *s3, struct page *page, const char *bucket, uint64_t index) {
    char key[KEY_BYTES];
    size_t prefix = strlen(page->prefix);
    for (; index < s3->space.count; ) {
        if (!has_object(s3, bucket, (int64_t)index)) {
            index++;
            continue;
        }
        space_key(&s3->space, index, key);
        if (strncmp(key, page->prefix, prefix) != 0)
            return s3->space.count;
        if (page->found == page->most)
            return index;
        const char *cut = page->delimiter[0] ? strstr(key + prefix, page->delimiter) : NULL;
        page->found++;
        if (cut == NULL)
            page_object(s3, page, index++, key);
        else
            index = page_prefix(s3, page, key, (size_t)(cut - key) + strlen(page->delimiter));
    }
    return index;
}

/* ListObjectsV2. The continuation token is the index to go on from. */
static void answer_list(struct s3 *s3, const struct request *request, struct answer *answer) {
    struct page page = {.most = 1000};
    struct text body = {0};
    char value[NAME_BYTES];
    uint64_t index;
    request_parameter(request, "prefix", page.prefix, sizeof page.prefix);
    request_parameter(request, "delimiter", page.delimiter, sizeof page.delimiter);
    page.url = request_parameter(request, "encoding-type", value, sizeof value);
    if (request_parameter(request, "max-keys", value, sizeof value) && strtoull(value, NULL, 10) < page.most)
        page.most = strtoull(value, NULL, 10);
    index = space_from(&s3->space, page.prefix);
    if (request_parameter(request, "continuation-token", value, sizeof value)) {
        index = strtoull(value, NULL, 10);
    } else if (request_parameter(request, "start-after", page.after, sizeof page.after) && page.after[0]) {
        uint64_t after = space_from(&s3->space, page.after);
        after += after < s3->space.count && space_find(&s3->space, page.after) == (int64_t)after;
        index = after > index ? after : index;
    }
    index = strcmp(request->bucket, "files") == 0 ? s3->space.count : page_fill(s3, &page, request->bucket, index);
    bool more = page.most > 0 && index < s3->space.count;
    text_print(&body, "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>%s</Name><Prefix>",
               request->bucket);
    text_key(&body, page.prefix, page.url);
    text_print(&body, "</Prefix><MaxKeys>%" PRIu64 "</MaxKeys><KeyCount>%" PRIu64 "</KeyCount><IsTruncated>%s"
                      "</IsTruncated>%s", page.most, page.found, more ? "true" : "false",
               page.url ? "<EncodingType>url</EncodingType>" : "");
    if (more)
        text_print(&body, "<NextContinuationToken>%" PRIu64 "</NextContinuationToken>", index);
    text_add(&body, page.objects.at ? page.objects.at : "", page.objects.length);
    text_add(&body, page.prefixes.at ? page.prefixes.at : "", page.prefixes.length);
    text_print(&body, "</ListBucketResult>");
    answer_xml(answer, "200 OK", &body);
    free(body.at), free(page.objects.at), free(page.prefixes.at);
}

static void answer_bucket(const struct request *request, struct answer *answer) {
    struct text body = {0};
    char value[16];
    if (request->method == HEAD || request->method == PUT) {
        answer_head(answer, "200 OK", 0, "x-amz-bucket-region: us-east-1\r\n");
    } else if (request->method == GET && request_parameter(request, "location", value, sizeof value)) {
        text_print(&body, "<LocationConstraint xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"/>");
        answer_xml(answer, "200 OK", &body);
        free(body.at);
    } else if (request->method == GET && request_parameter(request, "encryption", value, sizeof value)) {
        answer_error(answer, request, NOT_FOUND, "ServerSideEncryptionConfigurationNotFoundError");
    } else {
        answer_error(answer, request, "501 Not Implemented", "NotImplemented");
    }
}

/* No object has tags. */
static void answer_tags(struct answer *answer) {
    struct text body = {0};
    text_print(&body, "<Tagging xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><TagSet/></Tagging>");
    answer_xml(answer, "200 OK", &body);
    free(body.at);
}

static void answer_upload(const struct request *request, struct answer *answer, enum kind kind) {
    struct text body = {0};
    const char *element = kind == CREATE_UPLOAD ? "InitiateMultipartUploadResult" : "CompleteMultipartUploadResult";
    text_print(&body, "<%s><Bucket>%s</Bucket><Key>", element, request->bucket);
    text_key(&body, request->key, false);
    text_print(&body, kind == CREATE_UPLOAD ? "</Key><UploadId>upload-1</UploadId></%s>"
                                            : "</Key><ETag>&quot;00000000000000000000000000000000-1&quot;</ETag></%s>",
               element);
    answer_xml(answer, "200 OK", &body);
    free(body.at);
}

/* | method | query            | copy source | kind             |
 * |--------|------------------|-------------|------------------|
 * | PUT    | partNumber       | yes         | UPLOAD_PART_COPY |
 * | PUT    | partNumber       | no          | UPLOAD_PART      |
 * | PUT    |                  | yes         | COPY             |
 * | PUT    |                  | no          | PUT_OBJECT       |
 * | POST   | uploads          |             | CREATE_UPLOAD    |
 * | POST   | uploadId         |             | COMPLETE_UPLOAD  |
 * | GET    | tagging          |             | GET_TAGS         |
 * | DELETE | uploadId         |             | ABORT_UPLOAD     |
 * | DELETE |                  |             | DELETE_OBJECT    |
 * | any    | no key           |             | LIST or BUCKET   |
 */
static enum kind kind_of(const struct request *request) {
    char value[NAME_BYTES];
    bool in_upload = request_parameter(request, "uploadId", value, sizeof value);
    bool is_copy = request->copy_source[0];
    if (!request->key[0])
        return request->method == GET && request_parameter(request, "list-type", value, sizeof value) ? LIST : BUCKET;
    switch (request->method) {
    case HEAD:
        return HEAD_OBJECT;
    case GET:
        return request->query[0] && request_parameter(request, "tagging", value, sizeof value) ? GET_TAGS : GET_OBJECT;
    case PUT:
        return in_upload ? (is_copy ? UPLOAD_PART_COPY : UPLOAD_PART) : (is_copy ? COPY : PUT_OBJECT);
    case POST:
        return in_upload ? COMPLETE_UPLOAD
                         : request_parameter(request, "uploads", value, sizeof value) ? CREATE_UPLOAD : OTHER;
    default:
        return in_upload ? ABORT_UPLOAD : DELETE_OBJECT;
    }
}

/* GET /_stats shows the counts, POST /_stats sets them back. */
static void answer_stats(struct s3 *s3, const struct request *request, struct answer *answer) {
    static const char *const names[KINDS] = {
        "CopyObject", "HeadObject", "GetObject", "PutObject", "ListObjectsV2", "DeleteObject", "CreateMultipartUpload",
        "UploadPart", "UploadPartCopy", "CompleteMultipartUpload", "AbortMultipartUpload", "GetObjectTagging", "Bucket",
        "Other"};
    struct text body = {0};
    if (request->method == POST) {
        memset(s3->requests, 0, sizeof s3->requests);
        memset(s3->copied, 0, s3->space.count / 8 + 1);
        s3->copied_once = s3->copied_again = s3->copied_wrong = s3->throttled = s3->connections = 0;
    }
    text_print(&body, "{\"requests\": {");
    for (int kind = 0; kind < KINDS; kind++)
        text_print(&body, "%s\"%s\": %" PRIu64, kind ? ", " : "", names[kind], s3->requests[kind]);
    text_print(&body, "}, \"copied_once\": %" PRIu64 ", \"copied_again\": %" PRIu64 ", \"copied_wrong\": %" PRIu64
                      ", \"throttled\": %" PRIu64 ", \"connections\": %" PRIu64 "}\n",
               s3->copied_once, s3->copied_again, s3->copied_wrong, s3->throttled, s3->connections);
    answer_head(answer, "200 OK", body.length, "Content-Type: application/json\r\n");
    text_add(&answer->text, body.at, body.length);
    free(body.at);
}

static bool is_throttled(struct s3 *s3, enum kind kind) {
    if (s3->throttle_share <= 0 || kind == BUCKET)
        return false;
    uint64_t draw = ++s3->draws * 0x9e3779b97f4a7c15u; /* spreads the throttled ones evenly */
    return (double)(draw >> 11) / 9007199254740992.0 < s3->throttle_share;
}

void s3_answer(struct s3 *s3, const struct request *request, struct answer *answer) {
    if (strcmp(request->bucket, "_stats") == 0) {
        answer_stats(s3, request, answer);
        return;
    }
    if (strcmp(request->bucket, "files") == 0 && s3->folder != NULL && request->key[0]) {
        answer_file(s3, request, answer);
        return;
    }
    enum kind kind = kind_of(request);
    int64_t index = request->key[0] ? space_find(&s3->space, request->key) : -1;
    char etag[ETAG_BYTES];
    s3->requests[kind]++;
    if (is_throttled(s3, kind)) {
        s3->throttled++;
        answer_error(answer, request, "503 Slow Down", "SlowDown");
        return;
    }
    switch (kind) {
    case COPY:
    case UPLOAD_PART_COPY:
        answer_copy(s3, request, answer, kind == UPLOAD_PART_COPY);
        break;
    case HEAD_OBJECT:
    case GET_OBJECT:
        if (!has_object(s3, request->bucket, index)) {
            answer_error(answer, request, NOT_FOUND, "NoSuchKey");
            break;
        }
        space_etag(&s3->space, (uint64_t)index, etag);
        answer_object(request, answer, -1, (int64_t)s3->space.object_bytes, etag, space_time((uint64_t)index));
        break;
    case PUT_OBJECT:
        note_written(s3, request->key, -1);
        /* fall through */
    case UPLOAD_PART:
        answer_written(s3, request, answer);
        break;
    case COMPLETE_UPLOAD:
        note_written(s3, request->key, -1);
        /* fall through */
    case CREATE_UPLOAD:
        answer_upload(request, answer, kind);
        break;
    case LIST:
        answer_list(s3, request, answer);
        break;
    case DELETE_OBJECT:
        if (is_copied(s3, index) && !is_source(request->bucket))
            s3->copied[index / 8] &= (uint8_t)~(1 << index % 8);
        /* fall through */
    case ABORT_UPLOAD:
        answer_head(answer, "204 No Content", 0, "");
        break;
    case GET_TAGS:
        answer_tags(answer);
        break;
    case BUCKET:
        answer_bucket(request, answer);
        break;
    default:
        answer_error(answer, request, "501 Not Implemented", "NotImplemented");
    }
}

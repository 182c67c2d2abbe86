#define _GNU_SOURCE
#include "http.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static void text_make_room(struct text *text, size_t length) {
    if (text->length + length < text->room)
        return;
    while (text->room <= text->length + length)
        text->room = text->room ? 2 * text->room : 1024;
    text->at = realloc(text->at, text->room);
    if (text->at == NULL)
        abort();
}

void text_add(struct text *text, const char *bytes, size_t length) {
    text_make_room(text, length);
    memcpy(text->at + text->length, bytes, length);
    text->length += length;
}

void text_print(struct text *text, const char *format, ...) {
    va_list values;
    for (int again = 0; again < 2; again++) {
        text_make_room(text, 1);
        va_start(values, format);
        int length = vsnprintf(text->at + text->length, text->room - text->length, format, values);
        va_end(values);
        if ((size_t)length < text->room - text->length) {
            text->length += (size_t)length;
            return;
        }
        text_make_room(text, (size_t)length + 1);
    }
}

void text_key(struct text *text, const char *key, bool url) {
    static const char digits[] = "0123456789ABCDEF";
    text_make_room(text, 6 * strlen(key));
    char *to = text->at + text->length;
    for (const unsigned char *c = (const unsigned char *)key; *c; c++) {
        if (isalnum(*c) || strchr("/-_.~", *c) || (!url && !strchr("&<>\"", *c))) {
            *to++ = (char)*c;
        } else if (url && *c == ' ') {
            *to++ = '+';
        } else if (url) {
            *to++ = '%', *to++ = digits[*c >> 4], *to++ = digits[*c & 15];
        } else {
            to += sprintf(to, "&#%u;", *c);
        }
    }
    text->length = (size_t)(to - text->at);
}

static int digit_of(char c) { return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10; }

/* Decode `%XX` (and `+` in a query) to `to`, cut at `room`. */
static void decode(char *to, size_t room, const char *from, size_t length, bool plus) {
    const char *end = from + length, *last = to + room - 1;
    for (; from < end && to < last; from++) {
        if (*from == '%' && end - from > 2 && isxdigit((unsigned char)from[1]) && isxdigit((unsigned char)from[2])) {
            *to++ = (char)(digit_of(from[1]) << 4 | digit_of(from[2]));
            from += 2;
        } else {
            *to++ = plus && *from == '+' ? ' ' : *from;
        }
    }
    *to = '\0';
}

static bool is_named(const char *line, size_t length, const char *name, const char **value) {
    size_t size = strlen(name);
    if (length <= size || line[size] != ':' || strncasecmp(line, name, size) != 0)
        return false;
    for (*value = line + size + 1; **value == ' '; (*value)++)
        ;
    return true;
}

static void take_header(struct request *request, const char *line, size_t length) {
    const char *value, *end = line + length;
    switch (tolower((unsigned char)*line)) { /* most headers are none of ours */
    case 'c':
        if (is_named(line, length, "content-length", &value))
            request->body_bytes = strtoull(value, NULL, 10);
        else if (is_named(line, length, "connection", &value))
            request->closes = strncasecmp(value, "close", 5) == 0;
        break;
    case 'e':
        request->expects_continue |= is_named(line, length, "expect", &value);
        break;
    case 'i':
        request->if_none_match |= is_named(line, length, "if-none-match", &value);
        break;
    case 'r':
        if (is_named(line, length, "range", &value) && strncmp(value, "bytes=", 6) == 0) {
            char *dash;
            request->first = strtoll(value + 6, &dash, 10);
            request->last = *dash == '-' && isdigit((unsigned char)dash[1]) ? strtoll(dash + 1, NULL, 10) : -1;
        }
        break;
    case 'x':
        if (is_named(line, length, "x-amz-copy-source", &value)) {
            value += *value == '/';
            decode(request->copy_source, NAME_BYTES, value, (size_t)(end - value), false);
        } else if (is_named(line, length, "x-amz-copy-source-if-match", &value)) {
            value += *value == '"';
            while (end > value && end[-1] == '"')
                end--;
            decode(request->copy_if_match, BUCKET_BYTES, value, (size_t)(end - value), false);
        }
        break;
    }
}

static bool take_target(struct request *request, const char *target, size_t length) {
    const char *end = target + length, *query = memchr(target, '?', length), *slash;
    const char *path_end = query ? query : end;
    if (length == 0 || *target++ != '/')
        return false;
    slash = memchr(target, '/', (size_t)(path_end - target));
    decode(request->bucket, BUCKET_BYTES, target, (size_t)((slash ? slash : path_end) - target), false);
    if (slash)
        decode(request->key, NAME_BYTES, slash + 1, (size_t)(path_end - slash - 1), false);
    if (query) {
        size_t size = (size_t)(end - query - 1);
        if (size >= QUERY_BYTES)
            return false;
        memcpy(request->query, query + 1, size);
        request->query[size] = '\0';
    }
    return true;
}

int64_t request_parse(struct request *request, char *bytes, size_t length) {
    static const struct { const char *name; enum method method; } methods[] = {
        {"GET ", GET}, {"HEAD ", HEAD}, {"PUT ", PUT}, {"POST ", POST}, {"DELETE ", DELETE}};
    char *end = memmem(bytes, length, "\r\n\r\n", 4);
    if (end == NULL)
        return length < HEAD_BYTES ? 0 : -1;
    request->key[0] = request->query[0] = request->copy_source[0] = request->copy_if_match[0] = '\0';
    request->if_none_match = request->expects_continue = request->closes = false;
    request->first = request->last = -1;
    request->body_bytes = 0;
    char *line = bytes, *line_end = memmem(line, (size_t)(end - line) + 2, "\r\n", 2);
    size_t method = 0;
    while (method < 5 && strncmp(line, methods[method].name, strlen(methods[method].name)) != 0)
        method++;
    char *space = memrchr(line, ' ', (size_t)(line_end - line));
    if (method == 5 || space == NULL)
        return -1;
    request->method = methods[method].method;
    line += strlen(methods[method].name);
    if (space < line || !take_target(request, line, (size_t)(space - line)))
        return -1;
    while (line_end < end) {
        line = line_end + 2;
        line_end = memmem(line, (size_t)(end - line) + 2, "\r\n", 2);
        take_header(request, line, (size_t)(line_end - line));
    }
    return end + 4 - bytes;
}

bool request_parameter(const struct request *request, const char *name, char *value, size_t room) {
    size_t size = strlen(name);
    for (const char *at = request->query; *at; ) {
        size_t length = strcspn(at, "&");
        if (length >= size && strncmp(at, name, size) == 0 && (length == size || at[size] == '=')) {
            if (length > size)
                decode(value, room, at + size + 1, length - size - 1, true);
            else
                value[0] = '\0';
            return true;
        }
        at += length + (at[length] == '&');
    }
    return false;
}

void answer_head(struct answer *answer, const char *status, uint64_t body_bytes, const char *headers) {
    static time_t second;
    static char date[64];
    time_t now = time(NULL);
    if (now != second) {
        second = now;
        strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime(&now));
    }
    text_print(&answer->text,
               "HTTP/1.1 %s\r\nDate: %s\r\nServer: bench\r\nx-amz-request-id: BENCH\r\nContent-Length: %" PRIu64
               "\r\n%s\r\n",
               status, date, body_bytes, headers);
}

void answer_xml(struct answer *answer, const char *status, const struct text *body) {
    static const char declaration[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
    answer_head(answer, status, body->length + sizeof declaration - 1, "Content-Type: application/xml\r\n");
    text_add(&answer->text, declaration, sizeof declaration - 1);
    text_add(&answer->text, body->at, body->length);
}

void answer_error(struct answer *answer, const struct request *request, const char *status, const char *code) {
    struct text body = {0};
    if (request->method == HEAD) {
        answer_head(answer, status, 0, "");
        return;
    }
    text_print(&body, "<Error><Code>%s</Code><Message>%s</Message><RequestId>BENCH</RequestId></Error>", code, status);
    answer_xml(answer, status, &body);
    free(body.at);
}

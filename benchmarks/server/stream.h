/* A socket, plain or with TLS. */
#ifndef STREAM_H
#define STREAM_H

#include <stddef.h>
#include <stdint.h>

enum { WOULD_BLOCK = -1, BROKEN = -2 };

struct stream {
    int socket;
    void *tls; /* NULL where it is plain */
};

/* Use TLS for all streams, with this PEM file of certificate and key. Ends the process where it can't. */
void stream_use_tls(const char *certificate);

struct stream stream_of(int socket);

/* Bytes read or written; WOULD_BLOCK, or BROKEN, which the end of a connection is too. */
int64_t stream_read(struct stream *stream, char *bytes, size_t room);
int64_t stream_write(struct stream *stream, const char *bytes, size_t length);

void stream_close(struct stream *stream);

#endif

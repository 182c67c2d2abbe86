#define _GNU_SOURCE
#include "stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef WITH_TLS
#include <openssl/ssl.h>

static SSL_CTX *context;

void stream_use_tls(const char *certificate) {
    context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, certificate, SSL_FILETYPE_PEM) != 1) {
        fprintf(stderr, "--certificate: %s can't be used\n", certificate);
        exit(2);
    }
}

static void *tls_of(int socket) {
    SSL *tls = context ? SSL_new(context) : NULL;
    if (tls) {
        SSL_set_fd(tls, socket);
        SSL_set_accept_state(tls);
    }
    return tls;
}

static int64_t tls_result(SSL *tls, int result) {
    int error = result > 0 ? SSL_ERROR_NONE : SSL_get_error(tls, result);
    if (error == SSL_ERROR_NONE)
        return result;
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? WOULD_BLOCK : BROKEN;
}

static int64_t tls_read(SSL *tls, char *bytes, size_t room) { return tls_result(tls, SSL_read(tls, bytes, (int)room)); }

static int64_t tls_write(SSL *tls, const char *bytes, size_t length) {
    return tls_result(tls, SSL_write(tls, bytes, (int)length));
}

static void tls_free(SSL *tls) { SSL_free(tls); }

#else /* without OpenSSL's headers */

void stream_use_tls(const char *certificate) {
    fprintf(stderr, "--certificate %s: this server was compiled without TLS\n", certificate);
    exit(2);
}

static void *tls_of(int socket) { return (void)socket, NULL; }
static int64_t tls_read(void *tls, char *bytes, size_t room) { return (void)tls, (void)bytes, (void)room, BROKEN; }
static int64_t tls_write(void *tls, const char *bytes, size_t length) {
    return (void)tls, (void)bytes, (void)length, BROKEN;
}
static void tls_free(void *tls) { (void)tls; }

#endif

struct stream stream_of(int socket) { return (struct stream){.socket = socket, .tls = tls_of(socket)}; }

int64_t stream_read(struct stream *stream, char *bytes, size_t room) {
    if (stream->tls)
        return tls_read(stream->tls, bytes, room);
    ssize_t length = recv(stream->socket, bytes, room, 0);
    return length > 0 ? length : length < 0 && errno == EAGAIN ? WOULD_BLOCK : BROKEN;
}

int64_t stream_write(struct stream *stream, const char *bytes, size_t length) {
    if (stream->tls)
        return tls_write(stream->tls, bytes, length);
    ssize_t sent = send(stream->socket, bytes, length, MSG_NOSIGNAL);
    return sent > 0 ? sent : sent < 0 && errno == EAGAIN ? WOULD_BLOCK : BROKEN;
}

void stream_close(struct stream *stream) {
    if (stream->tls)
        tls_free(stream->tls);
    close(stream->socket);
    stream->socket = -1;
}

/* An S3 server for benchmarks: one thread, one epoll loop, objects that are computed. It checks no signature and
 * listens on 127.0.0.1 only. `main.c` has the connections, `s3.c` the answers, `space.c` the keys. */
#define _GNU_SOURCE
#include "s3.h"
#include "stream.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 512, BACKLOG = 4096, FILL_BYTES = 65536 };

struct connection {
    struct stream stream;
    char in[HEAD_BYTES];
    size_t in_length, sent;
    struct request request;
    bool has_request, is_waiting, wants_write;
    uint64_t body_left;
    struct answer answer;
    int64_t due;
    struct connection *next; /* in the queue of delayed answers, or among the closed ones */
};

static struct s3 s3 = {.space = {.shape = FLAT, .count = 10000, .object_bytes = 1024}};
static int64_t latency, idle_after = 60000; /* milliseconds */
static int poller;
/* All answers are delayed alike, so the queue in the order of arrival is a sorted one. */
static struct connection *delayed, **delayed_end = &delayed, *closed;
static char filling[FILL_BYTES];
static volatile sig_atomic_t ending;

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static void end(int signal) {
    (void)signal;
    ending = 1;
}

static bool is_open(const struct connection *connection) { return connection->stream.socket >= 0; }

static void connection_close(struct connection *connection) {
    if (!is_open(connection))
        return;
    stream_close(&connection->stream);
    if (!connection->is_waiting) { /* else the queue still knows it; freed only when no event can name it any more */
        connection->next = closed;
        closed = connection;
    }
}

static void free_closed(void) {
    while (closed) {
        struct connection *connection = closed;
        closed = connection->next;
        if (connection->answer.file >= 0)
            close(connection->answer.file);
        free(connection->answer.text.at);
        free(connection);
    }
}

static void want_write(struct connection *connection, bool wants) {
    if (wants == connection->wants_write)
        return;
    connection->wants_write = wants;
    struct epoll_event event = {.events = EPOLLIN | (wants ? EPOLLOUT : 0), .data.ptr = connection};
    epoll_ctl(poller, EPOLL_CTL_MOD, connection->stream.socket, &event);
}

/* The next piece of the answer to send; 0 where there is none. */
static size_t next_piece(struct connection *connection, const char **bytes) {
    struct answer *answer = &connection->answer;
    if (connection->sent < answer->text.length) {
        *bytes = answer->text.at + connection->sent;
        return answer->text.length - connection->sent;
    }
    if (answer->file >= 0 && answer->file_bytes > 0) {
        static char piece[FILL_BYTES];
        size_t room = answer->file_bytes < FILL_BYTES ? (size_t)answer->file_bytes : FILL_BYTES;
        ssize_t length = pread(answer->file, piece, room, answer->file_offset);
        *bytes = piece;
        return length > 0 ? (size_t)length : 0;
    }
    *bytes = filling;
    return answer->fill_bytes < FILL_BYTES ? (size_t)answer->fill_bytes : FILL_BYTES;
}

static void count_sent(struct connection *connection, size_t sent) {
    struct answer *answer = &connection->answer;
    if (connection->sent < answer->text.length) {
        connection->sent += sent;
    } else if (answer->file >= 0) {
        answer->file_offset += (int64_t)sent;
        answer->file_bytes -= (int64_t)sent;
    } else {
        answer->fill_bytes -= sent;
    }
}

/* Send what there is; true when all is sent and the connection goes on. */
static bool flush(struct connection *connection) {
    const char *bytes;
    size_t length;
    while ((length = next_piece(connection, &bytes)) > 0) {
        int64_t sent = stream_write(&connection->stream, bytes, length);
        if (sent == BROKEN)
            connection_close(connection);
        else if (sent == WOULD_BLOCK)
            want_write(connection, true);
        if (sent < 0)
            return false;
        count_sent(connection, (size_t)sent);
    }
    if (connection->answer.file >= 0)
        close(connection->answer.file);
    connection->answer.file = -1;
    connection->answer.text.length = connection->sent = 0;
    want_write(connection, false);
    if (connection->request.closes && !connection->has_request) {
        connection_close(connection);
        return false;
    }
    return true;
}

static void drop(struct connection *connection, size_t length) {
    connection->in_length -= length;
    memmove(connection->in, connection->in + length, connection->in_length);
}

/* Take the next request, with its body; false while it is not all there. */
static bool take_request(struct connection *connection) {
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    if (!connection->has_request) {
        int64_t head = request_parse(&connection->request, connection->in, connection->in_length);
        if (head < 0)
            connection_close(connection);
        if (head <= 0)
            return false;
        drop(connection, (size_t)head);
        connection->has_request = true;
        connection->body_left = connection->request.body_bytes;
        if (connection->request.expects_continue && connection->body_left)
            stream_write(&connection->stream, go_on, sizeof go_on - 1);
    }
    size_t body = connection->body_left < connection->in_length ? (size_t)connection->body_left : connection->in_length;
    drop(connection, body);
    connection->body_left -= body;
    return connection->body_left == 0;
}

/* Answer all that has come in, as far as answers may go out. */
static void serve(struct connection *connection) {
    while (is_open(connection) && !connection->is_waiting && !connection->wants_write && connection->in_length > 0) {
        if (!take_request(connection))
            return;
        connection->has_request = false;
        s3_answer(&s3, &connection->request, &connection->answer);
        if (latency > 0) {
            connection->is_waiting = true;
            connection->due = now() + latency;
            connection->next = NULL;
            *delayed_end = connection;
            delayed_end = &connection->next;
        } else if (!flush(connection)) {
            return;
        }
    }
}

static void on_event(struct connection *connection, uint32_t events) {
    if (!is_open(connection))
        return;
    if (events & EPOLLOUT && flush(connection))
        serve(connection);
    while (is_open(connection) && !connection->wants_write) {
        size_t room = HEAD_BYTES - connection->in_length;
        int64_t length = room ? stream_read(&connection->stream, connection->in + connection->in_length, room) : BROKEN;
        if (length == BROKEN)
            connection_close(connection);
        if (length < 0)
            return;
        connection->in_length += (size_t)length;
        serve(connection);
        if ((size_t)length < room && !connection->stream.tls)
            return; /* a short read: there is no more */
    }
}

static void send_due(void) {
    int64_t time = now();
    while (delayed && delayed->due <= time) {
        struct connection *connection = delayed;
        delayed = connection->next;
        if (!delayed)
            delayed_end = &delayed;
        connection->is_waiting = false;
        if (!is_open(connection)) {
            connection->next = closed;
            closed = connection;
        } else if (flush(connection)) {
            serve(connection);
        }
    }
}

static void accept_all(int listener) {
    int one = 1, socket;
    while ((socket = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct connection *connection = calloc(1, sizeof *connection);
        setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        connection->stream = stream_of(socket);
        connection->answer.file = -1;
        s3.connections++;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
        epoll_ctl(poller, EPOLL_CTL_ADD, socket, &event);
    }
}

static int listen_on_loopback(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, BACKLOG) != 0) {
        perror("listen");
        exit(1);
    }
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

static void run(int listener) {
    struct epoll_event events[EVENTS], event = {.events = EPOLLIN, .data.ptr = NULL};
    int64_t active = now();
    poller = epoll_create1(EPOLL_CLOEXEC);
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    while (!ending && now() - active < idle_after) {
        int64_t pause = delayed ? delayed->due - now() : 1000;
        int count = epoll_wait(poller, events, EVENTS, pause < 0 ? 0 : (int)pause);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == NULL)
                accept_all(listener);
            else
                on_event(events[i].data.ptr, events[i].events);
        }
        send_due();
        free_closed();
        if (count > 0)
            active = now();
    }
}

/* The inventory's CSV rows (key URL-encoded, as S3 writes it), or the plain keys, on standard output. */
static void print_keys(bool csv) {
    char key[KEY_BYTES], etag[ETAG_BYTES], modified[64];
    struct text line = {0};
    for (uint64_t index = 0; index < s3.space.count; index++) {
        space_key(&s3.space, index, key);
        line.length = 0;
        if (csv) {
            time_t time = space_time(index);
            struct tm parts;
            space_etag(&s3.space, index, etag);
            strftime(modified, sizeof modified, "%Y-%m-%dT%H:%M:%S.000Z", gmtime_r(&time, &parts));
            text_print(&line, "\"source\",\"");
            text_key(&line, key, true);
            text_print(&line, "\",\"%" PRIu64 "\",\"%s\",\"%s\",\"STANDARD\",\"false\",\"SSE-S3\"\n",
                       s3.space.object_bytes, modified, etag);
        } else {
            text_print(&line, "%s\n", key);
        }
        fwrite(line.at, 1, line.length, stdout);
    }
    free(line.at);
}

static enum shape shape_named(const char *name) {
    for (int shape = 0; shape < SHAPES; shape++)
        if (strcmp(name, shape_names[shape]) == 0)
            return (enum shape)shape;
    fprintf(stderr, "--shape: is none of flat, dates, deep, hot, odd\n");
    exit(2);
}

int main(int argc, char **argv) {
    static const struct option options[] = {
        {"keys", 1, NULL, 'k'},       {"shape", 1, NULL, 's'},    {"object-bytes", 1, NULL, 'b'},
        {"etag", 1, NULL, 'e'},       {"latency-ms", 1, NULL, 'l'}, {"throttle-share", 1, NULL, 't'},
        {"folder", 1, NULL, 'f'},     {"idle-seconds", 1, NULL, 'i'}, {"certificate", 1, NULL, 'c'},
        {"print", 1, NULL, 'p'},      {NULL, 0, NULL, 0}};
    const char *print = NULL;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1; ) {
        switch (option) {
        case 'k': s3.space.count = strtoull(optarg, NULL, 10); break;
        case 's': s3.space.shape = shape_named(optarg); break;
        case 'b': s3.space.object_bytes = strtoull(optarg, NULL, 10); break;
        case 'e': s3.space.etag = optarg; break;
        case 'l': latency = strtoll(optarg, NULL, 10); break;
        case 't': s3.throttle_share = strtod(optarg, NULL); break;
        case 'f': s3.folder = optarg; break;
        case 'i': idle_after = strtoll(optarg, NULL, 10) * 1000; break;
        case 'c': stream_use_tls(optarg); break;
        case 'p': print = optarg; break;
        default: return 2;
        }
    }
    if (s3.space.count < 1 || s3.space.count > 99999999) {
        fprintf(stderr, "--keys: must be from 1 to 99999999\n");
        return 2;
    }
    if (print != NULL) {
        print_keys(strcmp(print, "csv") == 0);
        return 0;
    }
    s3.copied = calloc(s3.space.count / 8 + 1, 1);
    memset(filling, 's', sizeof filling);
    signal(SIGTERM, end);
    signal(SIGPIPE, SIG_IGN);
    run(listen_on_loopback());
    return 0;
}

/* The key space of the source bucket: computed, never stored, in byte order by index. */
#ifndef SPACE_H
#define SPACE_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum { KEY_BYTES = 128, ETAG_BYTES = 33 };

enum shape { FLAT, DATES, DEEP, HOT, ODD, SHAPES };
extern const char *const shape_names[SHAPES];

/* `etag`: the one ETag of all objects, or NULL: each key has its own. */
struct space {
    enum shape shape;
    uint64_t count;
    uint64_t object_bytes;
    const char *etag;
};

/* The key at an index, zero-terminated; returns its length. A larger index has a larger key. */
size_t space_key(const struct space *space, uint64_t index, char key[KEY_BYTES]);
void space_etag(const struct space *space, uint64_t index, char etag[ETAG_BYTES]);
time_t space_time(uint64_t index);

/* The first index whose key is not below `key`; the count where there is none. */
uint64_t space_from(const struct space *space, const char *key);

/* The index of exactly this key, -1 where it is none of the space. */
int64_t space_find(const struct space *space, const char *key);

#endif

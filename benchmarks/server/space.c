#include "space.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { HOURS = 24 * 365, DAYS_A_MONTH = 31, LEAVES = 1000000, FOLDERS = 1000, INDEX_DIGITS = 8 };

const char *const shape_names[SHAPES] = {"flat", "dates", "deep", "hot", "odd"};

/* splitmix64: a good hash of a number. */
static uint64_t mix(uint64_t x) {
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* Each key ends with its index in eight digits, so that `space_find` needs no search. */
size_t space_key(const struct space *space, uint64_t index, char key[KEY_BYTES]) {
    uint64_t count = space->count, step, part, cold;
    switch (space->shape) {
    case FLAT: /* names that are hashes: one at a random place of each of `count` equal stretches */
        step = UINT64_MAX / count;
        return (size_t)sprintf(key, "%016" PRIx64 "-%08" PRIu64, index * step + mix(index) % step, index);
    case DATES: /* a folder an hour, over a year of twelve months of 31 days */
        part = index / (count / HOURS + 1);
        return (size_t)sprintf(key, "logs/2024/%02u/%02u/%02u/part-%08" PRIu64 ".gz",
                               (unsigned)(part / 24 / DAYS_A_MONTH + 1), (unsigned)(part / 24 % DAYS_A_MONTH + 1),
                               (unsigned)(part % 24), index);
    case DEEP: /* a tree with six levels of ten folders */
        part = index * LEAVES / count;
        return (size_t)sprintf(key, "data/%u/%u/%u/%u/%u/%u/object-%08" PRIu64, (unsigned)(part / 100000),
                               (unsigned)(part / 10000 % 10), (unsigned)(part / 1000 % 10),
                               (unsigned)(part / 100 % 10), (unsigned)(part / 10 % 10), (unsigned)(part % 10), index);
    case HOT: /* nine tenths of all keys under one prefix, the others in many folders before and after it */
        cold = count / 20;
        if (index >= cold && index < count - cold)
            return (size_t)sprintf(key, "hot/%08" PRIu64, index);
        part = index < cold ? index : index - (count - cold);
        return (size_t)sprintf(key, "%s/%03u/%08" PRIu64, index < cold ? "cold" : "warm",
                               (unsigned)(part * FOLDERS / cold), index);
    default: /* what breaks clients: space, plus, percent, ampersand, two-byte UTF-8 */
        return (size_t)sprintf(key, "odd names/a+b %%20 & caf\xc3\xa9/%08" PRIu64 ".txt", index);
    }
}

void space_etag(const struct space *space, uint64_t index, char etag[ETAG_BYTES]) {
    static const char digits[] = "0123456789abcdef";
    if (space->etag != NULL) {
        snprintf(etag, ETAG_BYTES, "%s", space->etag);
        return;
    }
    uint64_t halves[2] = {mix(2 * index + 1), mix(2 * index + 2)};
    for (int i = 0; i < 32; i++)
        etag[i] = digits[halves[i / 16] >> (60 - 4 * (i % 16)) & 15];
    etag[32] = '\0';
}

/* Some second of 2024. */
time_t space_time(uint64_t index) { return (time_t)(1704067200 + index % 31536000); }

uint64_t space_from(const struct space *space, const char *key) {
    char found[KEY_BYTES];
    uint64_t low = 0, high = space->count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        space_key(space, middle, found);
        if (strcmp(found, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int64_t space_find(const struct space *space, const char *key) {
    char found[KEY_BYTES];
    size_t end = strlen(key);
    uint64_t index = 0;
    while (end > 0 && (key[end - 1] < '0' || key[end - 1] > '9'))
        end--;
    if (end < INDEX_DIGITS)
        return -1;
    for (size_t i = end - INDEX_DIGITS; i < end; i++) {
        if (key[i] < '0' || key[i] > '9')
            return -1;
        index = index * 10 + (uint64_t)(key[i] - '0');
    }
    if (index >= space->count)
        return -1;
    space_key(space, index, found);
    return strcmp(found, key) == 0 ? (int64_t)index : -1;
}

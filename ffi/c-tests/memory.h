/* Memory whose end is the end of the world: the page behind it cannot be touched, so that one byte too many ends the
 * program. Finds what a sanitizer of the C side does not see, because the library is not instrumented. */
#ifndef MEMORY_H
#define MEMORY_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct guarded {
    uint8_t *start; /* page-aligned; the pages before are not touchable either */
    size_t size;    /* up to the untouchable page */
} guarded;

/* Room for at least `size` bytes. Never given back: the test ends soon. */
static inline guarded guarded_new(size_t size)
{
    guarded memory;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *whole;
    memory.size = (size + page - 1) / page * page;
    whole = (uint8_t *)mmap(NULL, memory.size + 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (whole == (uint8_t *)MAP_FAILED || mprotect(whole, page, PROT_NONE) != 0 ||
        mprotect(whole + page + memory.size, page, PROT_NONE) != 0) {
        fprintf(stderr, "no guarded memory\n");
        exit(2);
    }
    memory.start = whole + page;
    return memory;
}

/* The last `size` bytes before the untouchable page. */
static inline uint8_t *guarded_end(guarded memory, size_t size)
{
    return memory.start + memory.size - size;
}

/* The last place at a multiple of 16 with `size` bytes before the untouchable page. */
static inline uint8_t *guarded_aligned_end(guarded memory, size_t size)
{
    return memory.start + (memory.size - size) / 16 * 16;
}

/* Makes the pages read-only, or writable again. */
static inline void guarded_protect(guarded memory, int writable)
{
    if (mprotect(memory.start, memory.size, writable ? PROT_READ | PROT_WRITE : PROT_READ) != 0) {
        fprintf(stderr, "memory cannot be protected\n");
        exit(2);
    }
}

/* A whole file into `*bytes`, from malloc. */
static inline size_t read_whole(const char *path, uint8_t **bytes)
{
    FILE *file = fopen(path, "rb");
    long size;
    if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0) {
        fprintf(stderr, "%s: cannot be read\n", path);
        exit(2);
    }
    rewind(file);
    *bytes = (uint8_t *)malloc((size_t)size + 1);
    if (*bytes == NULL || fread(*bytes, 1, (size_t)size, file) != (size_t)size) {
        fprintf(stderr, "%s: cannot be read\n", path);
        exit(2);
    }
    fclose(file);
    return (size_t)size;
}

#endif

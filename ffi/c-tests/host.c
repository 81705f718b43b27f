/* Runs a model from files: host BLOB INPUT EXPECTED. Input and output are the raw bytes of all tensors in order. */
#include <stdio.h>
#include <stdlib.h>

#include "replay.h"

/* The bytes of a file at an aligned address. */
static uint8_t *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        fprintf(stderr, "%s: cannot be read\n", path);
        exit(2);
    }
    long end = ftell(file);
    rewind(file);
    *size = end < 0 ? 0 : (size_t)end;
    uint8_t *memory = malloc(*size + KINGLET_ALIGNMENT);
    if (memory == NULL) {
        fprintf(stderr, "%s: no memory for %lu bytes\n", path, (unsigned long)*size);
        exit(2);
    }
    uint8_t *bytes = memory + (KINGLET_ALIGNMENT - (uintptr_t)memory % KINGLET_ALIGNMENT) % KINGLET_ALIGNMENT;
    if (fread(bytes, 1, *size, file) != *size) {
        fprintf(stderr, "%s: cannot be read\n", path);
        exit(2);
    }
    fclose(file);
    return bytes;
}

KINGLET_ALIGNED static uint8_t arena[1 << 20];

int main(int argc, char **argv)
{
    replay_case test;
    replay_result result;
    if (argc != 4) {
        fprintf(stderr, "usage: host BLOB INPUT EXPECTED\n");
        return 2;
    }
    test.blob = read_file(argv[1], &test.blob_bytes);
    test.input = read_file(argv[2], &test.input_bytes);
    test.expected = read_file(argv[3], &test.expected_bytes);
    test.arena = arena;
    test.arena_bytes = sizeof arena;
    if (replay(&test, &result) != 0) {
        fprintf(stderr, "%s: %s: %s, %lu wrong bytes\n", argv[1], result.failed, kinglet_status_name(result.status),
                (unsigned long)result.wrong_bytes);
        return 1;
    }
    printf("%lu output bytes as expected, arena %lu bytes\n", (unsigned long)test.expected_bytes,
           (unsigned long)result.arena_bytes);
    return 0;
}

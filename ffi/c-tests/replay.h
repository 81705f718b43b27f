/* Runs a model on an input and compares its output, byte by byte. Shared by the host and the device program, so it
 * uses nothing but kinglet.h. */
#ifndef REPLAY_H
#define REPLAY_H

#include "kinglet.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What to run, and what must come out. */
typedef struct replay_case {
    const void *blob;        /* at a multiple of KINGLET_ALIGNMENT */
    size_t blob_bytes;
    const uint8_t *input;    /* all inputs, one after the other */
    size_t input_bytes;
    const uint8_t *expected; /* all outputs, one after the other */
    size_t expected_bytes;
    void *arena;             /* at a multiple of KINGLET_ALIGNMENT */
    size_t arena_bytes;
} replay_case;

/* How it went. */
typedef struct replay_result {
    kinglet_status status; /* the first error of the library */
    const char *failed;    /* the check that failed, or a null pointer */
    size_t wrong_bytes;    /* output bytes that differ */
    size_t arena_bytes;    /* what the model needs */
} replay_result;

/* Runs the case three times: at once, operator by operator, and at once again with a used arena; then the test vectors
 * that the blob carries. Returns 0 when all outputs are as expected. */
int replay(const replay_case *test, replay_result *result);

#ifdef __cplusplus
}
#endif

#endif

/* The model that `cargo xtask c-test` builds for misuse.c and soak.c; see xtask/src/c_test/small_blob.rs.
 *
 *     "samples" int8 [1, 2, 2, 3] --> elementwise -x - 1 --+--> "flipped" int8 [1, 12]
 *                                                          +--> sums of rows --> "sums" int8 [5]
 *     "level"   float [4] ---------> clamp to 0..6 -----------> "clamped" float [4]
 */
#ifndef SMALL_MODEL_H
#define SMALL_MODEL_H

#include <stdio.h>
#include <stdlib.h>

#include "kinglet.h"

enum {
    SMALL_ARENA_BYTES = 96,
    SMALL_OPERATORS = 3,
    SMALL_INPUTS = 2,
    SMALL_OUTPUTS = 3,
    SMALL_SAMPLES = 12,
    SMALL_SUMS = 5,
    SMALL_LEVELS = 4,
    SMALL_VECTORS = 2,
    SMALL_MACS = SMALL_SAMPLES * SMALL_SUMS,
    SMALL_ELEMENTS = 2 * SMALL_SAMPLES + SMALL_SAMPLES + SMALL_SUMS + 2 * SMALL_LEVELS
};

/* Ends the program with the place of the first check that fails. */
#define CHECK(condition)                                                        \
    do {                                                                        \
        if (!(condition)) {                                                     \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
            exit(1);                                                            \
        }                                                                       \
    } while (0)

#define CHECK_STATUS(call, expected) check_status((call), (expected), __FILE__, __LINE__, #call)

static inline void check_status(kinglet_status status, kinglet_status expected, const char *file, int line, const char *call)
{
    if (status != expected) {
        fprintf(stderr, "%s:%d: %s is %s, not %s\n", file, line, call, kinglet_status_name(status),
                kinglet_status_name(expected));
        exit(1);
    }
}

/* A status that says that the blob is at fault. */
static inline int is_blob_error(kinglet_status status)
{
    return status >= 1 && status <= 127;
}

/* Fills the inputs from a seed. */
static inline void small_fill(kinglet_session *session, int seed)
{
    int8_t *samples;
    float *level;
    size_t len, index;
    CHECK_STATUS(kinglet_session_input_i8(session, 0, &samples, &len), KINGLET_OK);
    CHECK(len == SMALL_SAMPLES);
    for (index = 0; index < len; index++) {
        samples[index] = (int8_t)(((int)index * 37 + seed * 11) % 256 - 128);
    }
    CHECK_STATUS(kinglet_session_input_f32(session, 1, &level, &len), KINGLET_OK);
    CHECK(len == SMALL_LEVELS);
    for (index = 0; index < len; index++) {
        level[index] = (float)((int)index * 3 - seed % 5);
    }
}

/* Compares the outputs with what the inputs of small_fill() must give. */
static inline void small_compare(const kinglet_session *session, int seed)
{
    const int8_t *flipped, *sums;
    const float *clamped;
    size_t len, index, row;
    CHECK_STATUS(kinglet_session_output_i8(session, 0, &flipped, &len), KINGLET_OK);
    CHECK(len == SMALL_SAMPLES);
    for (index = 0; index < len; index++) {
        CHECK(flipped[index] == -1 - (((int)index * 37 + seed * 11) % 256 - 128));
    }
    CHECK_STATUS(kinglet_session_output_i8(session, 1, &sums, &len), KINGLET_OK);
    CHECK(len == SMALL_SUMS);
    for (row = 0; row < len; row++) {
        /* Row r has weight 1 for the first r + 1 elements, bias 10 * r. */
        int sum = 10 * (int)row;
        for (index = 0; index <= row; index++) {
            sum += flipped[index];
        }
        CHECK(sums[row] == (sum < -128 ? -128 : sum > 127 ? 127 : sum));
    }
    CHECK_STATUS(kinglet_session_output_f32(session, 2, &clamped, &len), KINGLET_OK);
    CHECK(len == SMALL_LEVELS);
    for (index = 0; index < len; index++) {
        int level = (int)index * 3 - seed % 5;
        CHECK((int)clamped[index] == (level < 0 ? 0 : level > 6 ? 6 : level));
    }
}

#endif

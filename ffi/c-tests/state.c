/* A model that keeps a tensor from run to run: calls keep it; a reset, a new session and nothing else forget it.
 *
 *     state BLOB INPUTS EXPECTED
 *
 * The files hold the bytes of the one input and the one output, step after step from a fresh start.
 */
#define _DEFAULT_SOURCE
#include "memory.h"
#include "small_model.h"

static kinglet_model model;
static kinglet_session session;
static uint8_t *inputs, *expected;
static size_t input_bytes, expected_bytes, steps;

/* Runs one step and returns how many bytes of the output are not those of step `at`. */
static size_t run_step(size_t from, size_t at, int by_operators)
{
    void *input;
    const void *output;
    size_t size, byte, wrong = 0;
    uint8_t finished = 0;
    CHECK_STATUS(kinglet_session_input(&session, 0, &input, &size), KINGLET_OK);
    steps = input_bytes / size;
    CHECK(from < steps && at < steps && input_bytes % size == 0);
    memcpy(input, inputs + from * size, size);
    if (!by_operators) {
        CHECK_STATUS(kinglet_session_run(&session), KINGLET_OK);
    }
    while (by_operators && !finished) {
        CHECK_STATUS(kinglet_session_step(&session, &finished), KINGLET_OK);
    }
    CHECK_STATUS(kinglet_session_output(&session, 0, &output, &size), KINGLET_OK);
    CHECK(size * steps == expected_bytes);
    for (byte = 0; byte < size; byte++) {
        wrong += ((const uint8_t *)output)[byte] != expected[at * size + byte];
    }
    return wrong;
}

/* The whole sequence; returns how many bytes are wrong. */
static size_t run_all(int by_operators)
{
    size_t at = 0, wrong = 0;
    do {
        wrong += run_step(at, at, by_operators);
    } while (++at < steps);
    return wrong;
}

int main(int argc, char **argv)
{
    uint8_t *file, *blob, *arena;
    size_t blob_bytes, arena_bytes;
    guarded blob_memory, arena_memory;
    uint32_t vectors, byte;
    if (argc != 4) {
        fprintf(stderr, "usage: state BLOB INPUTS EXPECTED\n");
        return 2;
    }
    blob_bytes = read_whole(argv[1], &file);
    input_bytes = read_whole(argv[2], &inputs);
    expected_bytes = read_whole(argv[3], &expected);
    blob_memory = guarded_new(blob_bytes);
    blob = guarded_aligned_end(blob_memory, blob_bytes);
    memcpy(blob, file, blob_bytes);
    guarded_protect(blob_memory, 0);
    CHECK_STATUS(kinglet_model_init(&model, blob, blob_bytes), KINGLET_OK);
    CHECK_STATUS(kinglet_model_arena_bytes(&model, &arena_bytes), KINGLET_OK);
    arena_memory = guarded_new(arena_bytes);
    arena = guarded_aligned_end(arena_memory, arena_bytes);
    for (byte = 0; byte < arena_bytes; byte++) {
        arena[byte] = 0xa5;
    }

    /* A new session begins afresh, whatever is in the arena; calls keep what the model keeps. */
    CHECK_STATUS(kinglet_session_init(&session, &model, arena, arena_bytes), KINGLET_OK);
    CHECK(run_all(0) == 0);
    /* Going on is another sequence, and so is a run that was begun again. */
    CHECK(run_all(0) != 0);
    CHECK_STATUS(kinglet_session_restart(&session), KINGLET_OK);
    CHECK(run_step(0, 0, 0) != 0);
    /* A reset begins afresh, also in the middle of a sequence. */
    CHECK_STATUS(kinglet_session_reset(&session), KINGLET_OK);
    CHECK(run_all(1) == 0);
    CHECK_STATUS(kinglet_session_reset(&session), KINGLET_OK);
    CHECK(run_step(0, 0, 0) == 0 && run_step(1, 1, 1) == 0);
    CHECK_STATUS(kinglet_session_reset(&session), KINGLET_OK);
    CHECK(run_all(0) == 0);
    /* A self-test has its own sequence, and leaves nothing that a reset does not forget. */
    CHECK_STATUS(kinglet_session_self_test(&session, &vectors), KINGLET_OK);
    CHECK(vectors == steps);
    CHECK_STATUS(kinglet_session_reset(&session), KINGLET_OK);
    CHECK(run_all(0) == 0);
    /* Another session in the same arena. */
    CHECK_STATUS(kinglet_session_deinit(&session), KINGLET_OK);
    CHECK_STATUS(kinglet_session_reset(&session), KINGLET_ERROR_NOT_A_SESSION);
    CHECK_STATUS(kinglet_session_init(&session, &model, arena, arena_bytes), KINGLET_OK);
    CHECK(run_all(0) == 0);
    CHECK_STATUS(kinglet_session_reset(NULL), KINGLET_ERROR_NULL_POINTER);
    printf("%lu steps, as one sequence and after resets\n", (unsigned long)steps);
    free(file);
    free(inputs);
    free(expected);
    return 0;
}

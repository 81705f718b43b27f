#include "replay.h"

#define TRY(call)                           \
    do {                                    \
        result->status = (call);            \
        if (result->status != KINGLET_OK) { \
            result->failed = #call;         \
            return 1;                       \
        }                                   \
    } while (0)

#define REQUIRE(condition)               \
    do {                                 \
        if (!(condition)) {              \
            result->failed = #condition; \
            return 1;                    \
        }                                \
    } while (0)

/* Handles are 230 bytes: static, as firmware would have them. */
static kinglet_model model;
static kinglet_session session;

static int write_inputs(const replay_case *test, replay_result *result)
{
    size_t count, used = 0;
    TRY(kinglet_model_input_count(&model, &count));
    for (size_t index = 0; index < count; index++) {
        void *bytes;
        size_t size;
        TRY(kinglet_session_input(&session, index, &bytes, &size));
        REQUIRE(size <= test->input_bytes - used);
        for (size_t at = 0; at < size; at++) {
            ((uint8_t *)bytes)[at] = test->input[used + at];
        }
        used += size;
    }
    REQUIRE(used == test->input_bytes);
    return 0;
}

static int compare_outputs(const replay_case *test, replay_result *result)
{
    size_t count, used = 0;
    TRY(kinglet_model_output_count(&model, &count));
    for (size_t index = 0; index < count; index++) {
        const void *bytes;
        size_t size;
        TRY(kinglet_session_output(&session, index, &bytes, &size));
        REQUIRE(size <= test->expected_bytes - used);
        for (size_t at = 0; at < size; at++) {
            result->wrong_bytes += ((const uint8_t *)bytes)[at] != test->expected[used + at];
        }
        used += size;
    }
    REQUIRE(used == test->expected_bytes);
    REQUIRE(result->wrong_bytes == 0);
    return 0;
}

static int run_by_steps(replay_result *result)
{
    size_t operators, steps = 0;
    uint8_t finished = 0;
    TRY(kinglet_model_operator_count(&model, &operators));
    while (!finished) {
        TRY(kinglet_session_step(&session, &finished));
        steps++;
    }
    REQUIRE(steps == operators);
    return 0;
}

/* The vectors that the blob carries, if it does. */
static int self_test(replay_result *result)
{
    uint32_t vectors = 0;
    kinglet_status status = kinglet_session_self_test(&session, &vectors);
    if (status != KINGLET_ERROR_NO_VECTORS) {
        TRY(status);
        REQUIRE(vectors > 0);
    }
    return 0;
}

int replay(const replay_case *test, replay_result *result)
{
    result->status = KINGLET_OK;
    result->failed = NULL;
    result->wrong_bytes = 0;
    TRY(kinglet_model_init(&model, test->blob, test->blob_bytes));
    TRY(kinglet_model_arena_bytes(&model, &result->arena_bytes));
    TRY(kinglet_session_init(&session, &model, test->arena, test->arena_bytes));
    for (int round = 0; round < 3; round++) {
        if (write_inputs(test, result) != 0) {
            return 1;
        }
        if (round == 1) {
            if (run_by_steps(result) != 0) {
                return 1;
            }
        } else {
            TRY(kinglet_session_run(&session));
        }
        if (compare_outputs(test, result) != 0) {
            return 1;
        }
    }
    return self_test(result);
}

/* A program around `kinglet compile --emit c`: what the header says of the model is what the library says of it, and
 * the model computes what the compiler computed. */
#include <stdio.h>
#include <string.h>

#include "tiny.h"

KINGLET_ALIGNED static uint8_t arena[TINY_ARENA_BYTES];
static kinglet_model model;
static kinglet_session session;

static int is_as_said(void)
{
    static const uint32_t dims[] = TINY_INPUT_0_DIMS;
    const float scale = TINY_INPUT_0_SCALE;
    kinglet_tensor input, output;
    size_t arena_bytes;
    return kinglet_version() == KINGLET_VERSION && kinglet_model_arena_bytes(&model, &arena_bytes) == KINGLET_OK
        && kinglet_model_input(&model, 0, &input) == KINGLET_OK && kinglet_model_output(&model, 0, &output) == KINGLET_OK
        && arena_bytes == TINY_ARENA_BYTES && input.len == TINY_INPUT_0_LEN && output.len == TINY_OUTPUT_0_LEN
        && sizeof dims / sizeof dims[0] == input.rank && memcmp(dims, input.dims, sizeof dims) == 0
        && memcmp(&scale, &input.scale, sizeof scale) == 0 && input.zero_point == TINY_INPUT_0_ZERO_POINT
        && TINY_LABEL_COUNT == TINY_OUTPUT_0_LEN;
}

int main(void)
{
    float scores[TINY_OUTPUT_0_LEN];
    uint32_t vectors;
    size_t index, best = 0;
    kinglet_status status = kinglet_model_init(&model, tiny_blob, TINY_BLOB_BYTES);
    if (status == KINGLET_OK) {
        status = kinglet_session_init(&session, &model, arena, sizeof arena);
    }
    if (status == KINGLET_OK) {
        status = kinglet_session_self_test(&session, &vectors);
    }
    if (status == KINGLET_OK) {
        status = kinglet_session_read_output(&session, 0, scores, TINY_OUTPUT_0_LEN);
    }
    if (status != KINGLET_OK || !is_as_said()) {
        fprintf(stderr, "not what the header says: %s\n", kinglet_status_name(status));
        return 1;
    }
    for (index = 1; index < TINY_OUTPUT_0_LEN; index++) {
        best = scores[index] > scores[best] ? index : best;
    }
    printf("%lu vectors, the last one is %s\n", (unsigned long)vectors, tiny_labels[best]);
    return 0;
}

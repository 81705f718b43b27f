/* Runs a compiled model from a C program: run-model MODEL.kgl [INPUT.bin]
 *
 * The input file holds the raw bytes of the model's first input, as `kinglet run` takes them; without it the input is
 * a ramp. On a microcontroller the blob is in flash (`.incbin "model.kgl"` at a multiple of 16), and the rest of this
 * program is the same: nothing is allocated. */
#include <stdio.h>

#include "kinglet.h"

KINGLET_ALIGNED static uint8_t blob[4 << 20];
KINGLET_ALIGNED static uint8_t arena[1 << 20];
static kinglet_model model;
static kinglet_session session;

static int failed(const char *what, kinglet_status status)
{
    uint32_t offset = 0;
    kinglet_model_error(&model, &offset);
    fprintf(stderr, "%s: error %d (%s), byte %lu of the blob\n", what, (int)status, kinglet_status_name(status),
            (unsigned long)offset);
    return 1;
}

static size_t read_file(const char *path, void *bytes, size_t size)
{
    FILE *file = fopen(path, "rb");
    size_t count = 0;
    if (file != NULL) {
        count = fread(bytes, 1, size, file);
        fclose(file);
    }
    return count;
}

/* Prints an output's elements as real numbers. */
static void print_output(const kinglet_tensor *tensor, const void *bytes)
{
    printf("%.*s:", (int)tensor->name_bytes, tensor->name);
    for (size_t index = 0; index < tensor->len; index++) {
        float real = tensor->dtype == KINGLET_F32 ? ((const float *)bytes)[index]
                                                  : tensor->scale * (float)(((const int8_t *)bytes)[index] - tensor->zero_point);
        printf(" %g", (double)real);
    }
    printf("\n");
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: run-model MODEL.kgl [INPUT.bin]\n");
        return 2;
    }
    /* Every byte of the blob is verified here, once. */
    kinglet_status status = kinglet_model_init(&model, blob, read_file(argv[1], blob, sizeof blob));
    if (status != KINGLET_OK) {
        return failed(argv[1], status);
    }
    status = kinglet_session_init(&session, &model, arena, sizeof arena);
    if (status != KINGLET_OK) {
        return failed("session", status);
    }

    void *input;
    size_t input_bytes, given;
    status = kinglet_session_input(&session, 0, &input, &input_bytes);
    if (status != KINGLET_OK) {
        return failed("input", status);
    }
    if (argc > 2) {
        given = read_file(argv[2], input, input_bytes);
        if (given != input_bytes) {
            fprintf(stderr, "%s: %lu bytes, the model wants %lu\n", argv[2], (unsigned long)given, (unsigned long)input_bytes);
            return 1;
        }
    } else {
        for (size_t index = 0; index < input_bytes; index++) {
            ((uint8_t *)input)[index] = (uint8_t)(index * 37 + 139);
        }
    }

    status = kinglet_session_run(&session);
    if (status != KINGLET_OK) {
        return failed("run", status);
    }

    const void *output;
    size_t output_bytes;
    kinglet_tensor tensor;
    for (size_t index = 0; kinglet_session_output(&session, index, &output, &output_bytes) == KINGLET_OK; index++) {
        if (kinglet_model_output(&model, index, &tensor) == KINGLET_OK) {
            print_output(&tensor, output);
        }
    }
    return 0;
}

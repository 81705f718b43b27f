/* Firmware in the shape of TensorFlow Lite Micro's examples, over kinglet/tflm.hpp: right results, and wrong uses. */
#include "kinglet/tflm.hpp"

#include "small_model.h"

namespace tflite = kinglet::tflm;

namespace {

/* A blob that is aligned, whatever the file gives. */
KINGLET_ALIGNED uint8_t blob[4096];
KINGLET_ALIGNED uint8_t arena[SMALL_ARENA_BYTES + KINGLET_ALIGNMENT];

void runs(const tflite::Model *model)
{
    tflite::MicroMutableOpResolver<2> resolver;
    /* One byte in: the interpreter aligns what it was given. */
    tflite::MicroInterpreter interpreter(model, resolver, arena + 1, sizeof arena - 1);
    CHECK(interpreter.initialization_status() == tflite::kTfLiteError);
    CHECK(interpreter.Invoke() == tflite::kTfLiteError);
    CHECK(interpreter.status() == KINGLET_ERROR_NOT_A_SESSION);
    CHECK(interpreter.input(0) == nullptr);
    CHECK(interpreter.AllocateTensors() == tflite::kTfLiteOk);
    CHECK(interpreter.initialization_status() == tflite::kTfLiteOk);
    CHECK(interpreter.arena_used_bytes() == SMALL_ARENA_BYTES + KINGLET_ALIGNMENT - 1);
    CHECK(interpreter.inputs_size() == SMALL_INPUTS && interpreter.outputs_size() == SMALL_OUTPUTS);
    CHECK(interpreter.input(SMALL_INPUTS) == nullptr && interpreter.output(SMALL_OUTPUTS) == nullptr);

    tflite::TfLiteTensor *samples = interpreter.input(0);
    CHECK(samples->type == tflite::kTfLiteInt8 && samples->bytes == SMALL_SAMPLES);
    CHECK(samples->dims->size == 4 && samples->dims->data[0] == 1 && samples->dims->data[1] == 2);
    CHECK(samples->dims->data[2] == 2 && samples->dims->data[3] == 3);
    tflite::TfLiteTensor *level = interpreter.input(1);
    CHECK(level->type == tflite::kTfLiteFloat32 && level->bytes == SMALL_LEVELS * sizeof(float));
    tflite::TfLiteTensor *flipped = interpreter.output(0);
    CHECK(flipped->params.scale == 0.5f && flipped->params.zero_point == 2);

    for (int seed = 0; seed < 3; seed++) {
        for (int index = 0; index < SMALL_SAMPLES; index++) {
            samples->data.int8[index] = static_cast<int8_t>((index * 37 + seed * 11) % 256 - 128);
        }
        for (int index = 0; index < SMALL_LEVELS; index++) {
            level->data.f[index] = static_cast<float>(index * 3 - seed % 5);
        }
        CHECK(interpreter.Invoke() == tflite::kTfLiteOk);
        small_compare(interpreter.session(), seed);
        CHECK(interpreter.Reset() == tflite::kTfLiteOk);
    }
    uint32_t vectors = 0;
    CHECK_STATUS(kinglet_session_self_test(interpreter.session(), &vectors), KINGLET_OK);
    CHECK(vectors == SMALL_VECTORS);
}

template <class Interpreter>
kinglet_status refused(const tflite::Model *model, size_t arena_bytes)
{
    Interpreter interpreter(model, tflite::MicroMutableOpResolver<1>(), arena, arena_bytes);
    CHECK(interpreter.AllocateTensors() == tflite::kTfLiteError);
    CHECK(interpreter.initialization_status() == tflite::kTfLiteError);
    CHECK(interpreter.input(0) == nullptr && interpreter.output(0) == nullptr);
    return interpreter.status();
}

void misuse(const tflite::Model *model)
{
    typedef tflite::MicroInterpreter Interpreter;
    CHECK(refused<Interpreter>(nullptr, sizeof arena) == KINGLET_ERROR_NULL_POINTER);
    CHECK(refused<Interpreter>(model, SMALL_ARENA_BYTES - 1) == KINGLET_ERROR_ARENA_TOO_SMALL);
    CHECK(refused<Interpreter>(model, 0) == KINGLET_ERROR_ARENA_TOO_SMALL);
    CHECK(refused<tflite::BasicMicroInterpreter<1> >(model, sizeof arena) == KINGLET_ERROR_NO_SUCH_TENSOR);
    CHECK(refused<Interpreter>(tflite::GetModel(blob + 4), sizeof arena) == KINGLET_ERROR_BLOB_ALIGNMENT);
    blob[0] ^= 1;
    CHECK(refused<Interpreter>(model, sizeof arena) == KINGLET_ERROR_MAGIC);
    blob[0] ^= 1;
}

}  // namespace

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    FILE *file = fopen(argv[1], "rb");
    CHECK(file != nullptr);
    const size_t read = fread(blob, 1, sizeof blob, file);
    fclose(file);
    const tflite::Model *model = tflite::GetModel(blob);
    CHECK(model->version() == tflite::kFormatVersion);
    CHECK(model->size_bytes() == read);
    runs(model);
    misuse(model);
    runs(model);
    printf("runs, %zu bytes of interpreter, and 6 wrong uses\n", sizeof(tflite::MicroInterpreter));
    return 0;
}

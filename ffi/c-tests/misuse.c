/* Every wrong call that the header says is an error, and the right ones beside it. One source for C99, C11 and C++17.
 *
 *     misuse SMALL_BLOB
 */
#define _DEFAULT_SOURCE
#include "memory.h"
#include "small_model.h"

static guarded blob_memory, arena_memory;
static uint8_t *file_bytes;
static size_t file_size;

KINGLET_ALIGNED static uint8_t aligned_bytes[3];
static kinglet_model model;
static kinglet_session session;
static uint8_t *blob;  /* read-only, ends at the untouchable page or less than 16 bytes before */
static uint8_t *arena; /* likewise, writable */

/* A fresh, valid model and session. */
static void start(void)
{
    memset(&model, 0, sizeof model);
    memset(&session, 0, sizeof session);
    CHECK_STATUS(kinglet_model_init(&model, blob, file_size), KINGLET_OK);
    CHECK_STATUS(kinglet_session_init(&session, &model, arena, SMALL_ARENA_BYTES), KINGLET_OK);
}

static void check_tensor(const kinglet_tensor *tensor, const char *name, size_t len, int dtype, int rank)
{
    size_t product = 1;
    int axis;
    CHECK(tensor->name_bytes == strlen(name) && memcmp(tensor->name, name, tensor->name_bytes) == 0);
    CHECK(tensor->len == len && tensor->size_bytes == len * (dtype == KINGLET_F32 ? 4 : 1));
    CHECK(tensor->dtype == dtype && tensor->rank == rank && tensor->reserved == 0);
    for (axis = 0; axis < 4; axis++) {
        CHECK(axis < rank || tensor->dims[axis] == 1);
        product *= tensor->dims[axis];
    }
    CHECK(product == len);
}

static void right_use(void)
{
    kinglet_tensor tensor;
    kinglet_work work;
    size_t number;
    uint32_t offset = 1, vectors;
    uint8_t finished;
    void *bytes;
    const void *result;
    int seed, step;
    CHECK(kinglet_version() == KINGLET_VERSION);
    CHECK((uintptr_t)aligned_bytes % KINGLET_ALIGNMENT == 0);
    start();
    CHECK_STATUS(kinglet_model_error(&model, &offset), KINGLET_OK);
    CHECK(offset == 0);
    CHECK_STATUS(kinglet_model_arena_bytes(&model, &number), KINGLET_OK);
    CHECK(number == SMALL_ARENA_BYTES);
    CHECK_STATUS(kinglet_model_operator_count(&model, &number), KINGLET_OK);
    CHECK(number == SMALL_OPERATORS);
    CHECK_STATUS(kinglet_model_work(&model, &work), KINGLET_OK);
    CHECK(work.macs == SMALL_MACS && work.taps == 0 && work.elements == SMALL_ELEMENTS);
    CHECK_STATUS(kinglet_model_input_count(&model, &number), KINGLET_OK);
    CHECK(number == SMALL_INPUTS);
    CHECK_STATUS(kinglet_model_output_count(&model, &number), KINGLET_OK);
    CHECK(number == SMALL_OUTPUTS);
    CHECK_STATUS(kinglet_model_input(&model, 0, &tensor), KINGLET_OK);
    check_tensor(&tensor, "samples", SMALL_SAMPLES, KINGLET_I8, 4);
    CHECK(tensor.dims[0] == 1 && tensor.dims[1] == 2 && tensor.dims[2] == 2 && tensor.dims[3] == 3);
    CHECK((int)(tensor.scale * 4) == 2 && tensor.zero_point == -3 && tensor.channels_moved == 1);
    CHECK_STATUS(kinglet_model_input(&model, 1, &tensor), KINGLET_OK);
    check_tensor(&tensor, "level", SMALL_LEVELS, KINGLET_F32, 1);
    CHECK((int)tensor.scale == 1 && tensor.zero_point == 0 && tensor.channels_moved == 0);
    CHECK_STATUS(kinglet_model_output(&model, 0, &tensor), KINGLET_OK);
    check_tensor(&tensor, "flipped", SMALL_SAMPLES, KINGLET_I8, 2);
    CHECK_STATUS(kinglet_model_output(&model, 1, &tensor), KINGLET_OK);
    check_tensor(&tensor, "sums", SMALL_SUMS, KINGLET_I8, 1);
    CHECK_STATUS(kinglet_model_output(&model, 2, &tensor), KINGLET_OK);
    check_tensor(&tensor, "clamped", SMALL_LEVELS, KINGLET_F32, 1);
    for (seed = 0; seed < 300; seed++) {
        small_fill(&session, seed);
        CHECK_STATUS(kinglet_session_run(&session), KINGLET_OK);
        small_compare(&session, seed);
        /* A begun run is forgotten by restart and by run. */
        CHECK_STATUS(kinglet_session_step(&session, &finished), KINGLET_OK);
        CHECK(finished == 0);
        if (seed % 2 == 0) {
            CHECK_STATUS(kinglet_session_restart(&session), KINGLET_OK);
        } else {
            CHECK_STATUS(kinglet_session_run(&session), KINGLET_OK);
        }
        small_fill(&session, seed + 1);
        for (step = 0; step < SMALL_OPERATORS; step++) {
            CHECK_STATUS(kinglet_session_step(&session, &finished), KINGLET_OK);
            CHECK(finished == (step == SMALL_OPERATORS - 1));
        }
        small_compare(&session, seed + 1);
    }
    CHECK_STATUS(kinglet_session_self_test(&session, &vectors), KINGLET_OK);
    CHECK(vectors == SMALL_VECTORS);
    /* The untyped functions give the same memory. */
    CHECK_STATUS(kinglet_session_input(&session, 1, &bytes, &number), KINGLET_OK);
    CHECK(number == SMALL_LEVELS * 4 && (uint8_t *)bytes >= arena && (uint8_t *)bytes + number <= arena + SMALL_ARENA_BYTES);
    CHECK_STATUS(kinglet_session_output(&session, 2, &result, &number), KINGLET_OK);
    CHECK(number == SMALL_LEVELS * 4);
}

/* Real numbers in and out: scale 0.5 and zero point -3 of "samples", halves away from zero, clamped. */
static void reals(void)
{
    static const float given[SMALL_SAMPLES] = {0.0F, 0.24F, 0.25F, -0.25F, 0.74F, 1e9F, -1e9F, 62.0F, 65.0F, -62.5F, -63.0F, 1.0F};
    static const int8_t codes[SMALL_SAMPLES] = {-3, -3, -2, -4, -2, 127, -128, 121, 127, -128, -128, -1};
    float levels[SMALL_LEVELS] = {-1.0F, 0.5F, 5.75F, 9.0F}, flipped[SMALL_SAMPLES], clamped[SMALL_LEVELS];
    int8_t *samples;
    kinglet_tensor tensor;
    size_t len, index;
    start();
    CHECK_STATUS(kinglet_session_write_input(&session, 0, given, SMALL_SAMPLES), KINGLET_OK);
    CHECK_STATUS(kinglet_session_input_i8(&session, 0, &samples, &len), KINGLET_OK);
    CHECK(memcmp(samples, codes, sizeof codes) == 0);
    CHECK_STATUS(kinglet_session_write_input(&session, 1, levels, SMALL_LEVELS), KINGLET_OK);
    CHECK_STATUS(kinglet_session_run(&session), KINGLET_OK);
    CHECK_STATUS(kinglet_session_read_output(&session, 0, flipped, SMALL_SAMPLES), KINGLET_OK);
    CHECK_STATUS(kinglet_model_output(&model, 0, &tensor), KINGLET_OK);
    for (index = 0; index < SMALL_SAMPLES; index++) {
        float real = tensor.scale * (float)(-codes[index] - 1 - tensor.zero_point);
        CHECK(memcmp(&flipped[index], &real, sizeof real) == 0);
    }
    CHECK_STATUS(kinglet_session_read_output(&session, 2, clamped, SMALL_LEVELS), KINGLET_OK);
    levels[0] = 0.0F;
    levels[3] = 6.0F;
    CHECK(memcmp(clamped, levels, sizeof levels) == 0);
    /* Wrong lengths, places and indices. */
    CHECK_STATUS(kinglet_session_write_input(&session, 0, given, SMALL_SAMPLES - 1), KINGLET_ERROR_WRONG_LENGTH);
    CHECK_STATUS(kinglet_session_write_input(&session, 0, given, 0), KINGLET_ERROR_WRONG_LENGTH);
    CHECK_STATUS(kinglet_session_write_input(&session, 0, given, SIZE_MAX / 4), KINGLET_ERROR_LENGTH);
    CHECK_STATUS(kinglet_session_write_input(&session, 0, given, SIZE_MAX), KINGLET_ERROR_LENGTH);
    CHECK_STATUS(kinglet_session_write_input(&session, 2, given, SMALL_SAMPLES), KINGLET_ERROR_NO_SUCH_TENSOR);
    CHECK_STATUS(kinglet_session_write_input(&session, 0, NULL, SMALL_SAMPLES), KINGLET_ERROR_NULL_POINTER);
    CHECK_STATUS(kinglet_session_write_input(NULL, 0, given, SMALL_SAMPLES), KINGLET_ERROR_NULL_POINTER);
    CHECK_STATUS(kinglet_session_read_output(&session, 0, flipped, SMALL_SAMPLES + 1), KINGLET_ERROR_WRONG_LENGTH);
    CHECK_STATUS(kinglet_session_read_output(&session, 3, flipped, SMALL_SAMPLES), KINGLET_ERROR_NO_SUCH_TENSOR);
    CHECK_STATUS(kinglet_session_read_output(&session, 0, NULL, SMALL_SAMPLES), KINGLET_ERROR_NULL_POINTER);
    CHECK_STATUS(kinglet_session_read_output(NULL, 0, flipped, SMALL_SAMPLES), KINGLET_ERROR_NULL_POINTER);
    CHECK_STATUS(kinglet_session_read_output(&session, 0, (float *)(void *)arena, SMALL_SAMPLES), KINGLET_ERROR_OVERLAP);
    CHECK_STATUS(kinglet_session_write_input(&session, 0, (const float *)(void *)arena, SMALL_SAMPLES), KINGLET_ERROR_OVERLAP);
    CHECK_STATUS(kinglet_session_read_output(&session, 0, (float *)(void *)((uint8_t *)flipped + 1), SMALL_SAMPLES - 1),
                 KINGLET_ERROR_MISALIGNED);
}

/* Tensors by name: all of it, and no more. */
static void names(void)
{
    size_t index = 77;
    start();
    CHECK_STATUS(kinglet_model_find_input(&model, "samples", &index), KINGLET_OK);
    CHECK(index == 0);
    CHECK_STATUS(kinglet_model_find_input(&model, "level", &index), KINGLET_OK);
    CHECK(index == 1);
    CHECK_STATUS(kinglet_model_find_output(&model, "clamped", &index), KINGLET_OK);
    CHECK(index == 2);
    index = 77;
    CHECK_STATUS(kinglet_model_find_output(&model, "samples", &index), KINGLET_ERROR_NO_SUCH_TENSOR);
    CHECK_STATUS(kinglet_model_find_input(&model, "sample", &index), KINGLET_ERROR_NO_SUCH_TENSOR);
    CHECK_STATUS(kinglet_model_find_input(&model, "samples2", &index), KINGLET_ERROR_NO_SUCH_TENSOR);
    CHECK_STATUS(kinglet_model_find_input(&model, "", &index), KINGLET_ERROR_NO_SUCH_TENSOR);
    CHECK_STATUS(kinglet_model_find_input(&model, NULL, &index), KINGLET_ERROR_NULL_POINTER);
    CHECK_STATUS(kinglet_model_find_input(NULL, "samples", &index), KINGLET_ERROR_NULL_POINTER);
    CHECK_STATUS(kinglet_model_find_output(&model, "clamped", NULL), KINGLET_ERROR_NULL_POINTER);
    CHECK(index == 77);
}

/* A limit is for the sum of all that there is to do, and says at which operator it is crossed. */
static void limits(void)
{
    const uint64_t all = SMALL_MACS + SMALL_ELEMENTS;
    uint32_t offset;
    size_t number;
    CHECK_STATUS(kinglet_model_init_within(&model, blob, file_size, all), KINGLET_OK);
    CHECK_STATUS(kinglet_model_init_within(&model, blob, file_size, UINT64_MAX), KINGLET_OK);
    CHECK_STATUS(kinglet_model_init_within(&model, blob, file_size, all - 1), KINGLET_ERROR_WORK);
    CHECK_STATUS(kinglet_model_error(&model, &offset), KINGLET_ERROR_WORK);
    CHECK(offset > 0 && offset < file_size);
    CHECK_STATUS(kinglet_model_operator_count(&model, &number), KINGLET_ERROR_NOT_A_MODEL);
    CHECK_STATUS(kinglet_model_init_within(&model, blob, file_size - 1, all), KINGLET_ERROR_TOTAL_LENGTH);
    CHECK_STATUS(kinglet_model_init_within(&model, blob, file_size, 0), KINGLET_ERROR_WORK);
}

static void null_pointers_of_models(void)
{
    kinglet_tensor tensor;
    kinglet_work work;
    size_t number;
    uint32_t word;
    const kinglet_status null = KINGLET_ERROR_NULL_POINTER;
    start();
    CHECK_STATUS(kinglet_model_init(NULL, blob, file_size), null);
    CHECK_STATUS(kinglet_model_error(NULL, &word), null);
    CHECK_STATUS(kinglet_model_error(&model, NULL), null);
    CHECK_STATUS(kinglet_model_arena_bytes(NULL, &number), null);
    CHECK_STATUS(kinglet_model_arena_bytes(&model, NULL), null);
    CHECK_STATUS(kinglet_model_operator_count(NULL, &number), null);
    CHECK_STATUS(kinglet_model_work(NULL, &work), null);
    CHECK_STATUS(kinglet_model_work(&model, NULL), null);
    CHECK_STATUS(kinglet_model_init_within(NULL, blob, file_size, 0), null);
    CHECK_STATUS(kinglet_model_operator_count(&model, NULL), null);
    CHECK_STATUS(kinglet_model_input_count(NULL, &number), null);
    CHECK_STATUS(kinglet_model_input_count(&model, NULL), null);
    CHECK_STATUS(kinglet_model_output_count(NULL, &number), null);
    CHECK_STATUS(kinglet_model_output_count(&model, NULL), null);
    CHECK_STATUS(kinglet_model_input(NULL, 0, &tensor), null);
    CHECK_STATUS(kinglet_model_input(&model, 0, NULL), null);
    CHECK_STATUS(kinglet_model_output(NULL, 0, &tensor), null);
    CHECK_STATUS(kinglet_model_output(&model, 0, NULL), null);
    CHECK_STATUS(kinglet_model_deinit(NULL), null);
    /* Null beside a length, also the length 0. */
    CHECK_STATUS(kinglet_model_init(&model, NULL, file_size), null);
    CHECK_STATUS(kinglet_model_init(&model, NULL, 0), null);
    word = 1;
    CHECK_STATUS(kinglet_model_error(&model, &word), null);
    CHECK(word == 0);
    CHECK_STATUS(kinglet_model_input_count(&model, &number), KINGLET_ERROR_NOT_A_MODEL);
    CHECK(strcmp(kinglet_status_name(null), "null_pointer") == 0);
    CHECK(strcmp(kinglet_status_name(-1), "unknown") == 0);
}

static void null_pointers_of_sessions(void)
{
    size_t number;
    uint32_t word;
    uint8_t finished;
    int8_t *i8;
    const int8_t *const_i8;
    float *f32;
    const float *const_f32;
    void *raw;
    const void *const_raw;
    const kinglet_status null = KINGLET_ERROR_NULL_POINTER;
    start();
    CHECK_STATUS(kinglet_session_init(NULL, &model, arena, SMALL_ARENA_BYTES), null);
    CHECK_STATUS(kinglet_session_input_i8(NULL, 0, &i8, &number), null);
    CHECK_STATUS(kinglet_session_input_i8(&session, 0, NULL, &number), null);
    CHECK_STATUS(kinglet_session_input_i8(&session, 0, &i8, NULL), null);
    CHECK_STATUS(kinglet_session_input_f32(NULL, 1, &f32, &number), null);
    CHECK_STATUS(kinglet_session_input_f32(&session, 1, NULL, &number), null);
    CHECK_STATUS(kinglet_session_input_f32(&session, 1, &f32, NULL), null);
    CHECK_STATUS(kinglet_session_input(NULL, 0, &raw, &number), null);
    CHECK_STATUS(kinglet_session_input(&session, 0, NULL, &number), null);
    CHECK_STATUS(kinglet_session_input(&session, 0, &raw, NULL), null);
    CHECK_STATUS(kinglet_session_output_i8(NULL, 0, &const_i8, &number), null);
    CHECK_STATUS(kinglet_session_output_i8(&session, 0, NULL, &number), null);
    CHECK_STATUS(kinglet_session_output_i8(&session, 0, &const_i8, NULL), null);
    CHECK_STATUS(kinglet_session_output_f32(NULL, 2, &const_f32, &number), null);
    CHECK_STATUS(kinglet_session_output_f32(&session, 2, NULL, &number), null);
    CHECK_STATUS(kinglet_session_output_f32(&session, 2, &const_f32, NULL), null);
    CHECK_STATUS(kinglet_session_output(NULL, 0, &const_raw, &number), null);
    CHECK_STATUS(kinglet_session_output(&session, 0, NULL, &number), null);
    CHECK_STATUS(kinglet_session_output(&session, 0, &const_raw, NULL), null);
    CHECK_STATUS(kinglet_session_run(NULL), null);
    CHECK_STATUS(kinglet_session_step(NULL, &finished), null);
    CHECK_STATUS(kinglet_session_step(&session, NULL), null);
    CHECK_STATUS(kinglet_session_restart(NULL), null);
    CHECK_STATUS(kinglet_session_self_test(NULL, &word), null);
    CHECK_STATUS(kinglet_session_self_test(&session, NULL), null);
    CHECK_STATUS(kinglet_session_deinit(NULL), null);
    /* A step that could not report has not run: three are still to come. */
    CHECK_STATUS(kinglet_session_step(&session, &finished), KINGLET_OK);
    CHECK(finished == 0);
    /* Null beside a length, also the length 0. A session that could not be made is none. */
    CHECK_STATUS(kinglet_session_init(&session, NULL, arena, SMALL_ARENA_BYTES), null);
    CHECK_STATUS(kinglet_session_init(&session, &model, NULL, SMALL_ARENA_BYTES), null);
    CHECK_STATUS(kinglet_session_init(&session, &model, NULL, 0), null);
    CHECK_STATUS(kinglet_session_run(&session), KINGLET_ERROR_NOT_A_SESSION);
}

/* Everything at each of 64 addresses in a row, so that each alignment up to 64 occurs. */
static void misalignment(void)
{
    static union {
        uint64_t align;
        uint8_t bytes[1024];
    } place;
    const size_t handle = sizeof(void *), word = sizeof(size_t);
    size_t base = 64 - (size_t)((uintptr_t)place.bytes % 64), shift;
    for (shift = 0; shift < 64; shift++) {
        /* A character pointer on the way: C forbids nothing of this until the pointer is used. */
        uint8_t *at = place.bytes + base + shift;
        void *untyped = at;
        kinglet_status status;
        start();
        status = shift % handle == 0 ? KINGLET_OK : KINGLET_ERROR_MISALIGNED;
        CHECK_STATUS(kinglet_model_init((kinglet_model *)untyped, blob, file_size), status);
        CHECK_STATUS(kinglet_model_deinit((kinglet_model *)untyped), status);
        CHECK_STATUS(kinglet_session_init((kinglet_session *)untyped, &model, arena, SMALL_ARENA_BYTES), status);
        CHECK_STATUS(kinglet_session_run((kinglet_session *)untyped), status);
        CHECK_STATUS(kinglet_session_deinit((kinglet_session *)untyped), status);
        CHECK_STATUS(kinglet_session_input_i8(&session, 0, (int8_t **)untyped, (size_t *)(void *)(at + 64)), status);
        CHECK_STATUS(kinglet_session_output(&session, 0, (const void **)untyped, (size_t *)(void *)(at + 64)), status);
        CHECK_STATUS(kinglet_model_input(&model, 0, (kinglet_tensor *)untyped), status);
        status = shift % word == 0 ? KINGLET_OK : KINGLET_ERROR_MISALIGNED;
        CHECK_STATUS(kinglet_model_arena_bytes(&model, (size_t *)untyped), status);
        status = shift % 4 == 0 ? KINGLET_OK : KINGLET_ERROR_MISALIGNED;
        CHECK_STATUS(kinglet_model_error(&model, (uint32_t *)untyped), status);
        CHECK_STATUS(kinglet_session_self_test(&session, (uint32_t *)untyped), status);
        CHECK_STATUS(kinglet_session_step(&session, at), KINGLET_OK);
        status = shift % 16 == 0 ? KINGLET_OK : KINGLET_ERROR_ARENA_MISALIGNED;
        CHECK_STATUS(kinglet_session_init(&session, &model, at, SMALL_ARENA_BYTES), status);
        CHECK_STATUS(kinglet_session_run(&session), status == KINGLET_OK ? KINGLET_OK : KINGLET_ERROR_NOT_A_SESSION);
    }
    for (shift = 0; shift < 64; shift++) {
        uint8_t *copy = arena_memory.start + shift;
        memcpy(copy, file_bytes, file_size);
        CHECK_STATUS(kinglet_model_init(&model, copy, file_size),
                     shift % 16 == 0 ? KINGLET_OK : KINGLET_ERROR_BLOB_ALIGNMENT);
    }
}

static void short_lengths(void)
{
    guarded memory = guarded_new(file_size + 32);
    size_t size;
    uint32_t offset;
    for (size = 0; size < file_size; size++) {
        uint8_t *cut = guarded_aligned_end(memory, size);
        memcpy(cut, file_bytes, size);
        kinglet_status status = kinglet_model_init(&model, cut, size);
        CHECK(is_blob_error(status));
        CHECK_STATUS(kinglet_model_error(&model, &offset), status);
        CHECK(offset <= file_size);
        /* Also with its end at the untouchable page, where most lengths make it misaligned. */
        cut = guarded_end(memory, size);
        memmove(cut, file_bytes, size);
        CHECK(is_blob_error(kinglet_model_init(&model, cut, size)));
    }
    start();
    for (size = 0; size <= SMALL_ARENA_BYTES; size++) {
        kinglet_status status = size < SMALL_ARENA_BYTES ? KINGLET_ERROR_ARENA_TOO_SMALL : KINGLET_OK;
        uint8_t *exact = guarded_aligned_end(arena_memory, size);
        CHECK_STATUS(kinglet_session_init(&session, &model, exact, size), status);
        CHECK_STATUS(kinglet_session_run(&session), size < SMALL_ARENA_BYTES ? KINGLET_ERROR_NOT_A_SESSION : KINGLET_OK);
    }
    /* More than there is address space behind the pointer. */
    CHECK_STATUS(kinglet_model_init(&model, blob, SIZE_MAX), KINGLET_ERROR_LENGTH);
    CHECK_STATUS(kinglet_model_init(&model, blob, SIZE_MAX / 2 + 1), KINGLET_ERROR_LENGTH);
    start();
    CHECK_STATUS(kinglet_session_init(&session, &model, arena, SIZE_MAX), KINGLET_ERROR_LENGTH);
    CHECK_STATUS(kinglet_session_init(&session, &model, arena, SIZE_MAX / 2 + 1), KINGLET_ERROR_LENGTH);
}

/* Every single-bit flip is an error. */
static void flipped_bits(void)
{
    guarded memory = guarded_new(file_size);
    uint8_t *damaged = guarded_aligned_end(memory, file_size);
    size_t bit;
    memcpy(damaged, file_bytes, file_size);
    for (bit = 0; bit < file_size * 8; bit++) {
        const uint8_t mask = (uint8_t)(1 << (bit % 8));
        damaged[bit / 8] = (uint8_t)(damaged[bit / 8] ^ mask);
        CHECK(is_blob_error(kinglet_model_init(&model, damaged, file_size)));
        damaged[bit / 8] = (uint8_t)(damaged[bit / 8] ^ mask);
    }
    CHECK_STATUS(kinglet_model_init(&model, damaged, file_size), KINGLET_OK);
}

static void handles(void)
{
    static union {
        kinglet_model model;
        kinglet_session session;
        uint8_t bytes[sizeof(kinglet_model)];
    } any;
    const int8_t *output;
    size_t number;
    uint32_t word;
    int fill;
    /* Memory that is no handle. */
    for (fill = 0; fill < 256; fill++) {
        memset(&any, fill, sizeof any);
        CHECK_STATUS(kinglet_model_arena_bytes(&any.model, &number), KINGLET_ERROR_NOT_A_MODEL);
        CHECK_STATUS(kinglet_model_error(&any.model, &word), KINGLET_ERROR_NOT_A_MODEL);
        CHECK_STATUS(kinglet_model_deinit(&any.model), KINGLET_ERROR_NOT_A_MODEL);
        CHECK_STATUS(kinglet_session_init(&session, &any.model, arena, SMALL_ARENA_BYTES), KINGLET_ERROR_NOT_A_MODEL);
        CHECK_STATUS(kinglet_session_run(&any.session), KINGLET_ERROR_NOT_A_SESSION);
        CHECK_STATUS(kinglet_session_deinit(&any.session), KINGLET_ERROR_NOT_A_SESSION);
    }
    /* The other kind. */
    CHECK_STATUS(kinglet_model_init(&any.model, blob, file_size), KINGLET_OK);
    CHECK_STATUS(kinglet_session_run(&any.session), KINGLET_ERROR_NOT_A_SESSION);
    CHECK_STATUS(kinglet_session_output_i8(&any.session, 0, &output, &number), KINGLET_ERROR_NOT_A_SESSION);
    start();
    CHECK_STATUS(kinglet_session_init(&any.session, &model, arena, SMALL_ARENA_BYTES), KINGLET_OK);
    CHECK_STATUS(kinglet_model_input_count(&any.model, &number), KINGLET_ERROR_NOT_A_MODEL);
    /* Twice, and after the end. */
    start();
    CHECK_STATUS(kinglet_model_init(&model, blob, file_size), KINGLET_OK);
    CHECK_STATUS(kinglet_session_run(&session), KINGLET_OK);
    CHECK_STATUS(kinglet_session_init(&session, &model, arena, SMALL_ARENA_BYTES), KINGLET_OK);
    CHECK_STATUS(kinglet_session_deinit(&session), KINGLET_OK);
    CHECK_STATUS(kinglet_session_deinit(&session), KINGLET_ERROR_NOT_A_SESSION);
    CHECK_STATUS(kinglet_session_run(&session), KINGLET_ERROR_NOT_A_SESSION);
    CHECK_STATUS(kinglet_session_init(&session, &model, arena, SMALL_ARENA_BYTES), KINGLET_OK);
    CHECK_STATUS(kinglet_model_deinit(&model), KINGLET_OK);
    CHECK_STATUS(kinglet_model_deinit(&model), KINGLET_ERROR_NOT_A_MODEL);
    CHECK_STATUS(kinglet_session_run(&session), KINGLET_ERROR_NOT_A_MODEL);
    /* After an initialisation that failed. */
    start();
    CHECK_STATUS(kinglet_model_init(&model, arena, 64), KINGLET_ERROR_MAGIC);
    CHECK_STATUS(kinglet_model_arena_bytes(&model, &number), KINGLET_ERROR_NOT_A_MODEL);
    CHECK_STATUS(kinglet_session_run(&session), KINGLET_ERROR_NOT_A_MODEL);
    CHECK_STATUS(kinglet_session_init(&session, &model, arena, SMALL_ARENA_BYTES), KINGLET_ERROR_NOT_A_MODEL);
    CHECK_STATUS(kinglet_session_run(&session), KINGLET_ERROR_NOT_A_SESSION);
    CHECK_STATUS(kinglet_model_error(&model, &word), KINGLET_ERROR_MAGIC);
    CHECK_STATUS(kinglet_model_deinit(&model), KINGLET_OK);
}

static void tensors(void)
{
    static const size_t far[] = {3, 4, 255, 65535, SIZE_MAX / 32, SIZE_MAX - 1, SIZE_MAX};
    kinglet_tensor tensor;
    const int8_t *i8;
    int8_t *input_i8;
    const float *f32;
    float *input_f32;
    void *raw;
    const void *const_raw;
    size_t number = 77, which;
    start();
    for (which = 0; which < sizeof far / sizeof far[0]; which++) {
        size_t index = far[which];
        CHECK_STATUS(kinglet_model_input(&model, index, &tensor), KINGLET_ERROR_NO_SUCH_TENSOR);
        CHECK_STATUS(kinglet_model_output(&model, index, &tensor), KINGLET_ERROR_NO_SUCH_TENSOR);
        CHECK_STATUS(kinglet_session_input(&session, index, &raw, &number), KINGLET_ERROR_NO_SUCH_TENSOR);
        CHECK_STATUS(kinglet_session_input_i8(&session, index, &input_i8, &number), KINGLET_ERROR_NO_SUCH_TENSOR);
        CHECK_STATUS(kinglet_session_input_f32(&session, index, &input_f32, &number), KINGLET_ERROR_NO_SUCH_TENSOR);
        CHECK_STATUS(kinglet_session_output(&session, index, &const_raw, &number), KINGLET_ERROR_NO_SUCH_TENSOR);
        CHECK_STATUS(kinglet_session_output_i8(&session, index, &i8, &number), KINGLET_ERROR_NO_SUCH_TENSOR);
        CHECK_STATUS(kinglet_session_output_f32(&session, index, &f32, &number), KINGLET_ERROR_NO_SUCH_TENSOR);
    }
    CHECK_STATUS(kinglet_model_input(&model, 2, &tensor), KINGLET_ERROR_NO_SUCH_TENSOR);
    CHECK_STATUS(kinglet_session_input(&session, 2, &raw, &number), KINGLET_ERROR_NO_SUCH_TENSOR);
    CHECK_STATUS(kinglet_session_input_f32(&session, 0, &input_f32, &number), KINGLET_ERROR_WRONG_TYPE);
    CHECK_STATUS(kinglet_session_input_i8(&session, 1, &input_i8, &number), KINGLET_ERROR_WRONG_TYPE);
    CHECK_STATUS(kinglet_session_output_f32(&session, 0, &f32, &number), KINGLET_ERROR_WRONG_TYPE);
    CHECK_STATUS(kinglet_session_output_i8(&session, 2, &i8, &number), KINGLET_ERROR_WRONG_TYPE);
    /* An error has written nothing. */
    CHECK(number == 77);
}

static void overlaps(void)
{
    static union {
        kinglet_model model;
        kinglet_session session;
        uint8_t bytes[2048];
    } memory;
    uint8_t *aligned = memory.bytes + (16 - (uintptr_t)memory.bytes % 16) % 16;
    void *untyped = aligned;
    kinglet_model *inner_model = (kinglet_model *)untyped;
    kinglet_session *inner_session = (kinglet_session *)untyped;
    start();
    /* The arena over the session, the model, the blob; the session over the model; the model over the blob. */
    CHECK_STATUS(kinglet_session_init(inner_session, &model, aligned, 1024), KINGLET_ERROR_OVERLAP);
    CHECK_STATUS(kinglet_model_init(inner_model, blob, file_size), KINGLET_OK);
    CHECK_STATUS(kinglet_session_init(&session, inner_model, aligned, 1024), KINGLET_ERROR_OVERLAP);
    CHECK_STATUS(kinglet_session_init(&session, inner_model, aligned + sizeof(kinglet_model) / 16 * 16 - 16, 1024),
                 KINGLET_ERROR_OVERLAP);
    memcpy(arena_memory.start, file_bytes, file_size);
    CHECK_STATUS(kinglet_model_init(&model, arena_memory.start, file_size), KINGLET_OK);
    CHECK_STATUS(kinglet_session_init(&session, &model, arena_memory.start, 1024), KINGLET_ERROR_OVERLAP);
    untyped = arena_memory.start;
    CHECK_STATUS(kinglet_model_init((kinglet_model *)untyped, arena_memory.start, file_size), KINGLET_ERROR_OVERLAP);
    /* The session over the model that it would use, also by its last bytes: the model is still one. */
    CHECK_STATUS(kinglet_session_init(inner_session, inner_model, arena, SMALL_ARENA_BYTES), KINGLET_ERROR_OVERLAP);
    untyped = aligned + sizeof(kinglet_model) - 8;
    CHECK_STATUS(kinglet_session_init((kinglet_session *)untyped, inner_model, arena, SMALL_ARENA_BYTES),
                 KINGLET_ERROR_OVERLAP);
    CHECK_STATUS(kinglet_session_init(&session, inner_model, arena, SMALL_ARENA_BYTES), KINGLET_OK);
    CHECK_STATUS(kinglet_session_run(&session), KINGLET_OK);
    /* Handles in the part of the arena that the model does not need are fine. */
    CHECK_STATUS(kinglet_model_init(&model, blob, file_size), KINGLET_OK);
    untyped = aligned + SMALL_ARENA_BYTES;
    CHECK_STATUS(kinglet_session_init((kinglet_session *)untyped, &model, aligned, 1024), KINGLET_OK);
    CHECK_STATUS(kinglet_session_run((kinglet_session *)untyped), KINGLET_OK);
}

/* A session handle at every place in the blob is refused, and no byte of the blob changes. */
static void sessions_in_the_blob(void)
{
    static union {
        uint64_t align[512];
        uint8_t bytes[4096];
    } memory;
    uint8_t *copy = memory.bytes + (16 - (uintptr_t)memory.bytes % 16) % 16;
    size_t at;
    CHECK(file_size + sizeof session < 4000);
    memcpy(copy, file_bytes, file_size);
    CHECK_STATUS(kinglet_model_init(&model, copy, file_size), KINGLET_OK);
    for (at = 0; at < file_size; at += sizeof(void *)) {
        void *untyped = copy + at;
        CHECK_STATUS(kinglet_session_init((kinglet_session *)untyped, &model, arena, SMALL_ARENA_BYTES),
                     KINGLET_ERROR_OVERLAP);
        CHECK(memcmp(copy, file_bytes, file_size) == 0);
    }
    /* Beside it is fine. */
    {
        void *untyped = copy + (file_size + 15) / 16 * 16;
        CHECK_STATUS(kinglet_session_init((kinglet_session *)untyped, &model, arena, SMALL_ARENA_BYTES), KINGLET_OK);
        CHECK_STATUS(kinglet_session_run((kinglet_session *)untyped), KINGLET_OK);
    }
    CHECK(memcmp(copy, file_bytes, file_size) == 0);
}

/* What an initialisation that fails leaves of the session that was there. */
static void failed_initialisations(void)
{
    void *untyped = blob;
    start();
    CHECK_STATUS(kinglet_session_init(&session, (kinglet_model *)(void *)&session, arena, SMALL_ARENA_BYTES),
                 KINGLET_ERROR_OVERLAP);
    CHECK_STATUS(kinglet_session_init(&session, &model, &session, SMALL_ARENA_BYTES), KINGLET_ERROR_OVERLAP);
    CHECK_STATUS(kinglet_session_run(&session), KINGLET_OK);
    /* Everything else ends it. */
    CHECK_STATUS(kinglet_session_init(&session, &model, untyped, file_size), KINGLET_ERROR_OVERLAP);
    CHECK_STATUS(kinglet_session_run(&session), KINGLET_ERROR_NOT_A_SESSION);
    start();
    CHECK_STATUS(kinglet_session_init(&session, &model, arena, SMALL_ARENA_BYTES - 1), KINGLET_ERROR_ARENA_TOO_SMALL);
    CHECK_STATUS(kinglet_session_run(&session), KINGLET_ERROR_NOT_A_SESSION);
}

/* Out parameters in the handles, the blob, the arena or in each other are refused, and nothing is written. */
static void out_parameters_overlap(void)
{
    uint8_t before[sizeof model], same[sizeof session];
    void *places[4];
    void *in_model = &model, *in_session = &session;
    size_t len, place;
    void *raw;
    start();
    memcpy(before, &model, sizeof model);
    memcpy(same, &session, sizeof session);
    CHECK_STATUS(kinglet_model_error(&model, (uint32_t *)in_model), KINGLET_ERROR_OVERLAP);
    CHECK_STATUS(kinglet_model_arena_bytes(&model, (size_t *)in_model), KINGLET_ERROR_OVERLAP);
    CHECK_STATUS(kinglet_model_operator_count(&model, (size_t *)(void *)blob), KINGLET_ERROR_OVERLAP);
    CHECK_STATUS(kinglet_model_input(&model, 0, (kinglet_tensor *)in_model), KINGLET_ERROR_OVERLAP);
    CHECK_STATUS(kinglet_model_output(&model, 0, (kinglet_tensor *)(void *)blob), KINGLET_ERROR_OVERLAP);
    places[0] = in_model;
    places[1] = in_session;
    places[2] = blob;
    places[3] = arena;
    for (place = 0; place < 4; place++) {
        CHECK_STATUS(kinglet_session_input(&session, 0, (void **)places[place], &len), KINGLET_ERROR_OVERLAP);
        CHECK_STATUS(kinglet_session_input(&session, 0, &raw, (size_t *)places[place]), KINGLET_ERROR_OVERLAP);
        CHECK_STATUS(kinglet_session_step(&session, (uint8_t *)places[place]), KINGLET_ERROR_OVERLAP);
        CHECK_STATUS(kinglet_session_self_test(&session, (uint32_t *)places[place]), KINGLET_ERROR_OVERLAP);
    }
    CHECK_STATUS(kinglet_session_input(&session, 0, &raw, (size_t *)(void *)&raw), KINGLET_ERROR_OVERLAP);
    CHECK(memcmp(before, &model, sizeof model) == 0 && memcmp(same, &session, sizeof session) == 0);
    CHECK_STATUS(kinglet_session_run(&session), KINGLET_OK);
}

/* A session never writes behind the arena, and a model never writes to its blob. */
static void stays_within(void)
{
    size_t at;
    uint8_t *wide = arena_memory.start;
    CHECK_STATUS(kinglet_model_init(&model, blob, file_size), KINGLET_OK);
    memset(wide, 0xa5, arena_memory.size);
    CHECK_STATUS(kinglet_session_init(&session, &model, wide, arena_memory.size), KINGLET_OK);
    small_fill(&session, 5);
    CHECK_STATUS(kinglet_session_run(&session), KINGLET_OK);
    small_compare(&session, 5);
    for (at = SMALL_ARENA_BYTES; at < arena_memory.size; at++) {
        CHECK(wide[at] == 0xa5);
    }
}

/* Bytes that change after they were verified: outside the contract, but the library still stays within its memory. */
static void blob_changes(void)
{
    guarded memory = guarded_new(file_size);
    uint8_t *changing = guarded_aligned_end(memory, file_size);
    size_t at;
    int value;
    for (at = 0; at < file_size; at++) {
        static const int values[] = {0, 1, 0x7f, 0x80, 0xff};
        for (value = 0; value < 5; value++) {
            kinglet_status status;
            memcpy(changing, file_bytes, file_size);
            CHECK_STATUS(kinglet_model_init(&model, changing, file_size), KINGLET_OK);
            CHECK_STATUS(kinglet_session_init(&session, &model, arena, SMALL_ARENA_BYTES), KINGLET_OK);
            changing[at] = (uint8_t)values[value];
            status = kinglet_session_run(&session);
            CHECK(status == KINGLET_OK || status == KINGLET_ERROR_BLOB_CHANGED);
        }
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: misuse SMALL_BLOB\n");
        return 2;
    }
    file_size = read_whole(argv[1], &file_bytes);
    blob_memory = guarded_new(file_size);
    arena_memory = guarded_new(file_size + 4096);
    blob = guarded_aligned_end(blob_memory, file_size);
    arena = guarded_aligned_end(arena_memory, SMALL_ARENA_BYTES);
    memcpy(blob, file_bytes, file_size);
    guarded_protect(blob_memory, 0);

    right_use();
    limits();
    reals();
    names();
    null_pointers_of_models();
    null_pointers_of_sessions();
    misalignment();
    short_lengths();
    flipped_bits();
    handles();
    tensors();
    overlaps();
    sessions_in_the_blob();
    failed_initialisations();
    out_parameters_overlap();
    stays_within();
    blob_changes();
    free(file_bytes);
    printf("right and wrong use\n");
    return 0;
}

/*
 * Kinglet: runs compiled models ("blobs") in memory that the caller owns.
 *
 * For C99, C11 and later, and C++17. Freestanding: needs <stddef.h> and <stdint.h> only.
 *
 *     static kinglet_model model;
 *     static kinglet_session session;
 *     KINGLET_ALIGNED static uint8_t arena[22820];
 *
 *     if (kinglet_model_init(&model, blob, blob_bytes) != KINGLET_OK) ...
 *     if (kinglet_session_init(&session, &model, arena, sizeof arena) != KINGLET_OK) ...
 *     if (kinglet_session_input_i8(&session, 0, &input, &input_len) != KINGLET_OK) ...
 *     if (kinglet_session_run(&session) != KINGLET_OK) ...
 *     if (kinglet_session_output_i8(&session, 0, &output, &output_len) != KINGLET_OK) ...
 *
 * Memory. Nothing is ever allocated, and there are no globals. The caller provides the blob, the arena and both
 * handles, and keeps them where they are:
 *   - the blob unchanged while its model is in use;
 *   - the model while a session uses it;
 *   - the arena while its session is in use.
 * There is nothing to release. *_deinit only makes later use of a handle an error.
 *
 * Errors. Every function that can fail returns a kinglet_status, and then has written nothing through its out
 * parameters. The numbers do not change between versions. Null and misaligned pointers, lengths that are too
 * short, handles that were not initialised, whose initialisation failed, or that are of the other kind, and memory
 * that is used for two things at once are errors, not undefined behaviour. What cannot be checked, and is the caller's promise: a pointer that is neither
 * null nor misaligned points to as many bytes as its type or the length beside it says.
 *
 * Threads. A handle may be used by one thread or interrupt level at a time. Different sessions are independent of
 * each other, also when they share a model.
 */
#ifndef KINGLET_H
#define KINGLET_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this header; kinglet_version() is that of the library. They must be equal. */
#define KINGLET_VERSION_MAJOR 0
#define KINGLET_VERSION_MINOR 1
#define KINGLET_VERSION_PATCH 0
#define KINGLET_VERSION \
    (((uint32_t)KINGLET_VERSION_MAJOR << 16) | ((uint32_t)KINGLET_VERSION_MINOR << 8) | (uint32_t)KINGLET_VERSION_PATCH)

/* Blobs and arenas must start at an address that is a multiple of this. */
#define KINGLET_ALIGNMENT 16

/* Gives an array that alignment. Stands first in the declaration, before `static`: C++ wants it there. */
#if defined(__cplusplus)
#define KINGLET_ALIGNED alignas(16)
#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#define KINGLET_ALIGNED _Alignas(16)
#elif defined(__GNUC__)
#define KINGLET_ALIGNED __attribute__((aligned(16)))
#endif

/* What a function returns: KINGLET_OK or one of the errors. Errors of a newer library may be unknown here. */
typedef int32_t kinglet_status;

enum {
    KINGLET_OK = 0,

    /* The bytes are not a blob, or damaged. kinglet_model_error() says where. */
    KINGLET_ERROR_BLOB_ALIGNMENT = 1,  /* the blob does not start at a multiple of KINGLET_ALIGNMENT */
    KINGLET_ERROR_TRUNCATED = 2,       /* the header or the section table is cut off */
    KINGLET_ERROR_MAGIC = 3,           /* the first bytes are not those of a blob */
    KINGLET_ERROR_VERSION = 4,         /* the format's major version is another one */
    KINGLET_ERROR_TOTAL_LENGTH = 5,    /* blob_bytes is not the length that the header says */
    KINGLET_ERROR_TABLE_LENGTH = 6,    /* the tables end outside the blob */
    KINGLET_ERROR_CRC = 7,             /* the tables are damaged */
    KINGLET_ERROR_SECTION_BOUNDS = 8,  /* a section lies outside the blob or in another one */
    KINGLET_ERROR_SECTION_TWICE = 9,   /* a section occurs twice */
    KINGLET_ERROR_SECTION_UNKNOWN = 10, /* the blob needs a newer library */
    KINGLET_ERROR_SECTION_MISSING = 11, /* a section that every blob has is missing */
    KINGLET_ERROR_CHECKSUM = 12,       /* a section is damaged */
    KINGLET_ERROR_PORT_COUNT = 13,     /* inputs and outputs are not as many as the header says */
    KINGLET_ERROR_RESERVED = 14,       /* reserved bytes are not zero */

    /* The blob's structure is sound, but an operator or a tensor breaks a rule. */
    KINGLET_ERROR_UNKNOWN_OPERATOR = 64,      /* the blob needs a newer library */
    KINGLET_ERROR_OPERATOR_NOT_LINKED = 65,   /* the library was built without this operator */
    KINGLET_ERROR_PACKING_NOT_RUNNABLE = 66,  /* the blob was compiled for another kind of processor, and
                                                 the library was built without the feature `emulation` */
    KINGLET_ERROR_RECORD_LENGTH = 67,
    KINGLET_ERROR_OPERATOR_COUNT = 68,
    KINGLET_ERROR_ARENA_RANGE = 69,
    KINGLET_ERROR_ARENA_ALIGNMENT = 70,
    KINGLET_ERROR_ARENA_OVERLAP = 71,
    KINGLET_ERROR_CONSTANT_RANGE = 72,
    KINGLET_ERROR_SHAPE = 73,
    KINGLET_ERROR_PARAMETER = 74,
    KINGLET_ERROR_PORT = 75,
    KINGLET_ERROR_ARENA_SIZE = 76,            /* the arena is larger than this machine can address */
    KINGLET_ERROR_GOLDEN = 77,
    KINGLET_ERROR_OPERANDS = 78,
    KINGLET_ERROR_STATE = 79,
    KINGLET_ERROR_WORK = 80,                  /* more to do than kinglet_model_init_within() was told */

    /* The call is wrong. */
    KINGLET_ERROR_NULL_POINTER = 128,
    KINGLET_ERROR_MISALIGNED = 129,       /* a pointer's address is not a multiple of what its type needs */
    KINGLET_ERROR_LENGTH = 130,           /* pointer + length is beyond the end of memory */
    KINGLET_ERROR_NOT_A_MODEL = 131,      /* the model's initialisation failed or did not take place */
    KINGLET_ERROR_NOT_A_SESSION = 132,    /* the session's initialisation failed or did not take place */
    KINGLET_ERROR_OVERLAP = 133,          /* two of arena, blob, handles and out parameters share memory */
    KINGLET_ERROR_ARENA_TOO_SMALL = 134,  /* see kinglet_model_arena_bytes() */
    KINGLET_ERROR_ARENA_MISALIGNED = 135, /* the arena does not start at a multiple of KINGLET_ALIGNMENT */
    KINGLET_ERROR_NO_SUCH_TENSOR = 136,   /* the model has fewer inputs or outputs */
    KINGLET_ERROR_WRONG_TYPE = 137,       /* the tensor has the other element type */

    /* The run failed. */
    KINGLET_ERROR_BLOB_CHANGED = 138,       /* the blob's bytes are no longer those that were verified */
    KINGLET_ERROR_NO_VECTORS = 139,         /* self-test: the blob carries no test vectors */
    KINGLET_ERROR_VECTOR_MISMATCH = 140,    /* self-test: an output is not what the compiler computed */

    KINGLET_ERROR_WRONG_LENGTH = 141,       /* the call is wrong: the tensor has another number of elements */
    KINGLET_ERROR_BUSY = 142,               /* two threads use a session at once. Only the interface for the JVM watches
                                               this; in C it is the caller's promise */

    KINGLET_ERROR_OTHER = 255               /* an error that this interface has no number for */
};

/* Element types. */
enum {
    KINGLET_I8 = 0,  /* quantized 8-bit integer: real = scale * (q - zero_point) */
    KINGLET_F32 = 1, /* 32-bit IEEE float */
    KINGLET_I16 = 2, /* quantized 16-bit integer */
    KINGLET_I32 = 3, /* 32-bit integer */
    KINGLET_U8 = 4,  /* quantized unsigned 8-bit integer */
    KINGLET_BOOL = 5 /* one byte, 0 or 1 */
};

/* A verified blob. Opaque; needs the alignment of its type. */
typedef struct kinglet_model {
    uint64_t opaque[16 + 2 * sizeof(void *)];
} kinglet_model;

/* A model bound to an arena. Opaque; needs the alignment of its type. */
typedef struct kinglet_session {
    uint64_t opaque[2 + sizeof(void *) / 2];
} kinglet_session;

/* An input or an output. */
typedef struct kinglet_tensor {
    const char *name;       /* UTF-8, not terminated by a zero; lies in the blob */
    size_t name_bytes;      /* bytes of the name */
    size_t len;             /* elements: the product of the extents */
    size_t size_bytes;      /* bytes: len times those of an element */
    uint32_t dims[4];       /* extent of each axis, slowest first; those from rank on are 1 */
    float scale;            /* real = scale * (q - zero_point); 1 for floats */
    int32_t zero_point;     /* 0 for floats */
    uint8_t rank;           /* number of axes, 1 to 4 */
    uint8_t dtype;          /* KINGLET_I8, KINGLET_F32, ... */
    uint8_t channels_moved; /* 1: the source model has it channels-first, this one channels-last; else 0 */
    uint8_t reserved;       /* 0 */
} kinglet_tensor;

/* What a run has to do. */
typedef struct kinglet_work {
    uint64_t macs;     /* multiplications of an activation with a weight, positions outside of an image included */
    uint64_t taps;     /* elements that the windows of pools, and means, look at */
    uint64_t elements; /* elements that are read and written; bytes where only bytes are copied */
} kinglet_work;

/* The library's version, as KINGLET_VERSION. */
uint32_t kinglet_version(void);

/* A short lower-case word for a status, terminated by a zero and static: "ok", "arena_too_small"; "unknown" for a
 * number that is none. Costs flash only in programs that call it. */
const char *kinglet_status_name(kinglet_status status);

/* ---- Model ---------------------------------------------------------------------------------------------------- */

/* Verifies blob[0 .. blob_bytes] completely, once: one pass over all bytes. The blob starts at a multiple of
 * KINGLET_ALIGNMENT. *model may be uninitialised, or hold an earlier model that no session uses any more. */
kinglet_status kinglet_model_init(kinglet_model *model, const void *blob, size_t blob_bytes);

/* The same, and refuses a model that has to do more than max_work in a run (KINGLET_ERROR_WORK): the sum of the three
 * numbers of kinglet_model_work(). For blobs from elsewhere: a sound one of a few hundred bytes can run for years. */
kinglet_status kinglet_model_init_within(kinglet_model *model, const void *blob, size_t blob_bytes, uint64_t max_work);

/* After kinglet_model_init() has failed because of the blob (errors 1 to 127): returns that error again and stores
 * the byte offset in the blob of what is wrong. KINGLET_OK and offset 0 when the model is fine. */
kinglet_status kinglet_model_error(const kinglet_model *model, uint32_t *offset);

/* Bytes of arena that a session of this model needs. */
kinglet_status kinglet_model_arena_bytes(const kinglet_model *model, size_t *arena_bytes);

/* Number of operators: kinglet_session_step() calls in a run. */
kinglet_status kinglet_model_operator_count(const kinglet_model *model, size_t *count);

/* What a run has to do. Exact, or UINT64_MAX where 64 bits do not reach. How long that takes depends on the processor. */
kinglet_status kinglet_model_work(const kinglet_model *model, kinglet_work *work);

/* Number of inputs and of outputs. */
kinglet_status kinglet_model_input_count(const kinglet_model *model, size_t *count);
kinglet_status kinglet_model_output_count(const kinglet_model *model, size_t *count);

/* Describes input or output `index`, counted from 0. */
kinglet_status kinglet_model_input(const kinglet_model *model, size_t index, kinglet_tensor *tensor);
kinglet_status kinglet_model_output(const kinglet_model *model, size_t index, kinglet_tensor *tensor);

/* Stores the index of the input or output whose name is `name`, a string that ends with a zero;
 * KINGLET_ERROR_NO_SUCH_TENSOR when none has it. */
kinglet_status kinglet_model_find_input(const kinglet_model *model, const char *name, size_t *index);
kinglet_status kinglet_model_find_output(const kinglet_model *model, const char *name, size_t *index);

/* Makes every later use of the handle KINGLET_ERROR_NOT_A_MODEL. Also fine for a model that failed. */
kinglet_status kinglet_model_deinit(kinglet_model *model);

/* ---- Session -------------------------------------------------------------------------------------------------- */

/* Binds a model to arena[0 .. arena_bytes], which starts at a multiple of KINGLET_ALIGNMENT and is at least as long
 * as kinglet_model_arena_bytes() says; what is beyond that stays untouched. The arena's content does not matter.
 * *session may be uninitialised, or hold an earlier session. That one is gone afterwards, also when the call fails;
 * except when *session itself is null, misaligned or lies over the model, its blob or the arena: then nothing is
 * written. */
kinglet_status kinglet_session_init(kinglet_session *session, const kinglet_model *model, void *arena,
                                    size_t arena_bytes);

/* Memory of an input, to be filled before each run: a run may reuse it. Lies in the arena and stays at its place.
 * `len` counts elements. Another element type is KINGLET_ERROR_WRONG_TYPE. */
kinglet_status kinglet_session_input_i8(kinglet_session *session, size_t index, int8_t **elements, size_t *len);
kinglet_status kinglet_session_input_f32(kinglet_session *session, size_t index, float **elements, size_t *len);

/* The same whatever the element type, with a length in bytes. */
kinglet_status kinglet_session_input(kinglet_session *session, size_t index, void **bytes, size_t *size_bytes);

/* Result of the last run; valid until the next run, step, or write to an input. */
kinglet_status kinglet_session_output_i8(const kinglet_session *session, size_t index, const int8_t **elements,
                                         size_t *len);
kinglet_status kinglet_session_output_f32(const kinglet_session *session, size_t index, const float **elements,
                                          size_t *len);
kinglet_status kinglet_session_output(const kinglet_session *session, size_t index, const void **bytes,
                                      size_t *size_bytes);

/* Writes real numbers into an input, whatever its element type: q = round(real / scale) + zero_point, halves away from
 * zero, clamped to the type, NaN as the zero point; floats as they are. `len` must be the tensor's number of elements,
 * else KINGLET_ERROR_WRONG_LENGTH. reals[0 .. len] lies apart from the arena, the blob and the handles. */
kinglet_status kinglet_session_write_input(kinglet_session *session, size_t index, const float *reals, size_t len);

/* Reads an output of the last run as real numbers, whatever its element type: real = scale * (q - zero_point). */
kinglet_status kinglet_session_read_output(const kinglet_session *session, size_t index, float *reals, size_t len);

/* Runs all operators from the first one on. */
kinglet_status kinglet_session_run(kinglet_session *session);

/* Runs the next operator, for super-loops and watchdogs. Stores 1 in *finished when it was the last one: the outputs
 * are ready, and the next step begins a new run; else 0. */
kinglet_status kinglet_session_step(kinglet_session *session, uint8_t *finished);

/* Forgets a run that was begun with kinglet_session_step(). */
kinglet_status kinglet_session_restart(kinglet_session *session);

/* Makes all that the model keeps from run to run what it was at first; nothing but kinglet_session_restart() for a
 * model that keeps nothing. kinglet_session_init() does the same. */
kinglet_status kinglet_session_reset(kinglet_session *session);

/* Runs the test vectors that the blob carries and compares every output bit with what the compiler computed.
 * Overwrites inputs and outputs. Stores how many vectors there were. */
kinglet_status kinglet_session_self_test(kinglet_session *session, uint32_t *vectors);

/* Makes every later use of the handle KINGLET_ERROR_NOT_A_SESSION. */
kinglet_status kinglet_session_deinit(kinglet_session *session);

#ifdef __cplusplus
}
#endif

#endif /* KINGLET_H */

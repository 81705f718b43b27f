/* Random calls in random order on a few handles, with a record of what each handle must be.
 *
 *     soak SMALL_BLOB CALLS SEED
 *
 * Every status is predicted. The resident memory at the end is that after the first tenth.
 */
#define _DEFAULT_SOURCE
#include "memory.h"
#include "small_model.h"

enum { MODELS = 3, SESSIONS = 4, BLOBS = 3 };

/* What a model handle must be. */
enum { NONE, FAILED, VALID };

static uint8_t *blobs[BLOBS]; /* 0 and 1 are valid, 2 is damaged anew each time */
static size_t blob_bytes;
static uint8_t *arenas[SESSIONS];

static kinglet_model models[MODELS];
static int model_state[MODELS];

static kinglet_session sessions[SESSIONS];
static int session_model[SESSIONS]; /* -1: no session */
static int session_step[SESSIONS];  /* operators run since the start */
static int session_seed[SESSIONS];  /* of the inputs; -1: unknown */
static int session_done[SESSIONS];  /* the outputs are those of the seed */

static unsigned long compared; /* times that outputs were compared with what they must be */

static uint64_t random_state;

static uint32_t random_below(uint32_t limit)
{
    /* xorshift64* */
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (uint32_t)((random_state * 2685821657736338717ull) >> 32) % limit;
}

/* What a call on session `s` must return when nothing else is wrong with it. */
static kinglet_status usable(int s)
{
    if (session_model[s] < 0) {
        return KINGLET_ERROR_NOT_A_SESSION;
    }
    return model_state[session_model[s]] == VALID ? KINGLET_OK : KINGLET_ERROR_NOT_A_MODEL;
}

static void call_model_init(int m)
{
    uint32_t which = random_below(8);
    kinglet_status status;
    model_state[m] = FAILED;
    if (which == 7) {
        /* Wrong arguments. */
        size_t shift = 1 + random_below(15);
        CHECK_STATUS(kinglet_model_init(&models[m], NULL, blob_bytes), KINGLET_ERROR_NULL_POINTER);
        CHECK_STATUS(kinglet_model_init(&models[m], blobs[0], SIZE_MAX - shift), KINGLET_ERROR_LENGTH);
        CHECK_STATUS(kinglet_model_init(&models[m], blobs[0] + shift, blob_bytes - shift), KINGLET_ERROR_BLOB_ALIGNMENT);
        CHECK(is_blob_error(kinglet_model_init(&models[m], blobs[0], random_below((uint32_t)blob_bytes))));
        return;
    }
    if (which == 2) {
        /* The checksums leave nothing out. */
        size_t at = random_below((uint32_t)blob_bytes);
        uint8_t saved = blobs[2][at];
        blobs[2][at] = (uint8_t)(saved ^ (1 + random_below(255)));
        status = kinglet_model_init(&models[m], blobs[2], blob_bytes);
        blobs[2][at] = saved;
        CHECK(is_blob_error(status));
        return;
    }
    CHECK_STATUS(kinglet_model_init(&models[m], blobs[which & 1], blob_bytes), KINGLET_OK);
    model_state[m] = VALID;
}

static void call_model_queries(int m)
{
    kinglet_tensor tensor;
    size_t number;
    uint32_t offset;
    kinglet_status status = model_state[m] == VALID ? KINGLET_OK : KINGLET_ERROR_NOT_A_MODEL;
    size_t index = random_below(5);
    CHECK_STATUS(kinglet_model_arena_bytes(&models[m], &number), status);
    CHECK_STATUS(kinglet_model_operator_count(&models[m], &number), status);
    CHECK_STATUS(kinglet_model_input_count(&models[m], &number), status);
    CHECK_STATUS(kinglet_model_output_count(&models[m], &number), status);
    if (model_state[m] == NONE) {
        CHECK_STATUS(kinglet_model_error(&models[m], &offset), KINGLET_ERROR_NOT_A_MODEL);
    } else {
        CHECK((kinglet_model_error(&models[m], &offset) == KINGLET_OK) == (model_state[m] == VALID));
    }
    if (status == KINGLET_OK && index >= SMALL_INPUTS) {
        status = KINGLET_ERROR_NO_SUCH_TENSOR;
    }
    CHECK_STATUS(kinglet_model_input(&models[m], index, &tensor), status);
}

static void call_session_init(int s, int m)
{
    size_t bytes = random_below(8) == 0 ? random_below(SMALL_ARENA_BYTES) : SMALL_ARENA_BYTES + random_below(99);
    kinglet_status status = KINGLET_OK;
    if (model_state[m] != VALID) {
        status = KINGLET_ERROR_NOT_A_MODEL;
    } else if (bytes < SMALL_ARENA_BYTES) {
        status = KINGLET_ERROR_ARENA_TOO_SMALL;
    }
    CHECK_STATUS(kinglet_session_init(&sessions[s], &models[m], arenas[s], bytes), status);
    session_model[s] = status == KINGLET_OK ? m : -1;
    session_step[s] = 0;
    session_seed[s] = -1;
    session_done[s] = 0;
}

static void call_session_fill(int s)
{
    void *bytes;
    size_t size;
    if (usable(s) != KINGLET_OK) {
        CHECK_STATUS(kinglet_session_input(&sessions[s], 0, &bytes, &size), usable(s));
        return;
    }
    session_seed[s] = (int)random_below(1000);
    session_done[s] = 0;
    small_fill(&sessions[s], session_seed[s]);
    /* A run that was begun has seen other inputs. */
    CHECK_STATUS(kinglet_session_restart(&sessions[s]), KINGLET_OK);
    session_step[s] = 0;
}

static void call_session_run(int s)
{
    CHECK_STATUS(kinglet_session_run(&sessions[s]), usable(s));
    if (usable(s) == KINGLET_OK) {
        session_step[s] = 0;
        session_done[s] = session_seed[s] >= 0;
    }
}

static void call_session_step(int s)
{
    uint8_t finished = 2;
    CHECK_STATUS(kinglet_session_step(&sessions[s], &finished), usable(s));
    if (usable(s) != KINGLET_OK) {
        CHECK(finished == 2);
        if (session_model[s] >= 0) {
            /* The session is still one, at the place where it stood. */
            session_done[s] = 0;
        }
        return;
    }
    session_step[s]++;
    CHECK(finished == (session_step[s] == SMALL_OPERATORS));
    if (finished) {
        session_step[s] = 0;
        session_done[s] = session_seed[s] >= 0;
    }
}

static void call_session_compare(int s)
{
    const void *bytes;
    size_t size;
    if (usable(s) == KINGLET_OK && session_done[s]) {
        small_compare(&sessions[s], session_seed[s]);
        compared++;
    }
    CHECK_STATUS(kinglet_session_output(&sessions[s], random_below(SMALL_OUTPUTS), &bytes, &size), usable(s));
    if (usable(s) == KINGLET_OK) {
        CHECK_STATUS(kinglet_session_output(&sessions[s], 3 + random_below(1u << 30), &bytes, &size),
                     KINGLET_ERROR_NO_SUCH_TENSOR);
    }
}

static void call_session_self_test(int s)
{
    uint32_t vectors;
    CHECK_STATUS(kinglet_session_self_test(&sessions[s], &vectors), usable(s));
    if (usable(s) == KINGLET_OK) {
        CHECK(vectors == SMALL_VECTORS);
        session_step[s] = 0;
        session_seed[s] = -1;
        session_done[s] = 0;
    }
}

static void call_deinit(int s, int m)
{
    if (random_below(4) == 0) {
        CHECK_STATUS(kinglet_model_deinit(&models[m]), model_state[m] == NONE ? KINGLET_ERROR_NOT_A_MODEL : KINGLET_OK);
        model_state[m] = NONE;
    } else {
        CHECK_STATUS(kinglet_session_deinit(&sessions[s]),
                     session_model[s] < 0 ? KINGLET_ERROR_NOT_A_SESSION : KINGLET_OK);
        session_model[s] = -1;
    }
}

/* A handle of the other kind, or memory that is none. */
static void call_wrong_handle(int s, int m)
{
    static union {
        uint64_t words[64];
        kinglet_model model;
        kinglet_session session;
    } any;
    size_t number, word;
    if (random_below(2) == 0) {
        memcpy(&any, &sessions[s], sizeof(kinglet_session));
        CHECK_STATUS(kinglet_model_input_count(&any.model, &number), KINGLET_ERROR_NOT_A_MODEL);
        memcpy(&any, &models[m], sizeof(kinglet_model));
        CHECK_STATUS(kinglet_session_run(&any.session), KINGLET_ERROR_NOT_A_SESSION);
    } else {
        for (word = 0; word < 64; word++) {
            any.words[word] = (uint64_t)random_below(0xffffffffu) << 32;
        }
        CHECK_STATUS(kinglet_model_input_count(&any.model, &number), KINGLET_ERROR_NOT_A_MODEL);
        CHECK_STATUS(kinglet_session_run(&any.session), KINGLET_ERROR_NOT_A_SESSION);
    }
}

static void call_something(void)
{
    int s = (int)random_below(SESSIONS), m = (int)random_below(MODELS);
    uint32_t lot = random_below(64);
    /* What uses handles is drawn more often than what destroys them. */
    if (lot < 3) {
        call_model_init(m);
    } else if (lot < 6) {
        call_model_queries(m);
    } else if (lot < 10) {
        call_session_init(s, m);
    } else if (lot < 20) {
        call_session_fill(s);
    } else if (lot < 30) {
        call_session_run(s);
    } else if (lot < 44) {
        call_session_step(s);
    } else if (lot < 58) {
        call_session_compare(s);
    } else if (lot < 60) {
        call_session_self_test(s);
    } else if (lot < 61) {
        call_deinit(s, m);
    } else {
        call_wrong_handle(s, m);
    }
}

/* Resident pages; 0 where the system does not say. */
static long resident_pages(void)
{
    long whole = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%ld %ld", &whole, &resident) != 2) {
        resident = 0;
    }
    if (file != NULL) {
        fclose(file);
    }
    return resident;
}

int main(int argc, char **argv)
{
    uint8_t *file_bytes;
    unsigned long rounds, round;
    long pages_then = 0, pages_now;
    int index;
    if (argc != 4) {
        fprintf(stderr, "usage: soak SMALL_BLOB CALLS SEED\n");
        return 2;
    }
    blob_bytes = read_whole(argv[1], &file_bytes);
    rounds = strtoul(argv[2], NULL, 10);
    random_state = strtoull(argv[3], NULL, 10) * 2 + 1;
    for (index = 0; index < BLOBS; index++) {
        blobs[index] = guarded_aligned_end(guarded_new(blob_bytes), blob_bytes);
        memcpy(blobs[index], file_bytes, blob_bytes);
    }
    free(file_bytes);
    for (index = 0; index < SESSIONS; index++) {
        arenas[index] = guarded_aligned_end(guarded_new(SMALL_ARENA_BYTES), SMALL_ARENA_BYTES);
        session_model[index] = -1;
    }
    resident_pages();
    for (round = 0; round < rounds; round++) {
        call_something();
        if (round == rounds / 10) {
            pages_then = resident_pages();
        }
    }
    pages_now = resident_pages();
    /* Up to a few pages of the C library and the instrumentation. */
    if (pages_then != 0 && pages_now > pages_then + 16) {
        fprintf(stderr, "resident pages grew from %ld to %ld\n", pages_then, pages_now);
        return 1;
    }
    CHECK(compared >= rounds / 100);
    printf("%lu random calls, %lu outputs compared, seed %s, resident pages %ld then %ld\n", rounds, compared, argv[3],
           pages_then, pages_now);
    return 0;
}

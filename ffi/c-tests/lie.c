/* Breaks the one promise that the library cannot check: an arena that is shorter than it is said to be. With an
 * instrumented library this program must be stopped; if it is not, the other instrumented tests show nothing.
 *
 *     lie SMALL_BLOB
 */
#define _DEFAULT_SOURCE
#include "memory.h"
#include "small_model.h"

int main(int argc, char **argv)
{
    static kinglet_model model;
    static kinglet_session session;
    uint8_t *bytes;
    size_t size = argc == 2 ? read_whole(argv[1], &bytes) : 0;
    guarded blob = guarded_new(size);
    /* The sums, which the second operator writes one by one, would be at byte 32. */
    void *arena = aligned_alloc(16, 32);
    uint8_t finished;
    memcpy(blob.start, bytes, size);
    CHECK_STATUS(kinglet_model_init(&model, blob.start, size), KINGLET_OK);
    CHECK_STATUS(kinglet_session_init(&session, &model, arena, SMALL_ARENA_BYTES), KINGLET_OK);
    CHECK_STATUS(kinglet_session_step(&session, &finished), KINGLET_OK);
    fprintf(stderr, "now\n");
    CHECK_STATUS(kinglet_session_step(&session, &finished), KINGLET_OK);
    printf("not stopped\n");
    return 0;
}

/* The smallest program that links everything: a component is in order when this has no undefined name. */
#include <kinglet.h>

static kinglet_model model;
static kinglet_session session;
KINGLET_ALIGNED static uint8_t arena[64];

void start(void);
void start(void)
{
    if (kinglet_version() == KINGLET_VERSION && kinglet_model_init(&model, arena, sizeof arena) == KINGLET_OK &&
        kinglet_session_init(&session, &model, arena, sizeof arena) == KINGLET_OK) {
        (void)kinglet_session_run(&session);
    }
    for (;;) {
    }
}

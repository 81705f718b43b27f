// Prints the library's version, and what it says of bytes that are no model.
#include <Kinglet.h>

static kinglet_model model;
KINGLET_ALIGNED static const uint8_t nothing[64] = {0};

void setup() {
  Serial.begin(115200);
  const uint32_t version = kinglet_version();
  Serial.println(version >> 16 & 255u);
  Serial.println(version >> 8 & 255u);
  Serial.println(kinglet_status_name(kinglet_model_init(&model, nothing, sizeof nothing)));
}

void loop() {}

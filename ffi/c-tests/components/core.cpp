/* Stands in for an Arduino core: calls the sketch. */
#include "Arduino.h"

Stream Serial;

extern "C" void start()
{
    setup();
    for (;;) {
        loop();
    }
}

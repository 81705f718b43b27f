/* The name by which sketches include the library. */
#ifndef KINGLET_ARDUINO_H
#define KINGLET_ARDUINO_H

#include "kinglet.h"

#endif

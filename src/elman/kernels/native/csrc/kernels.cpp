/* The one translation unit of the native engine. It is compiled once for every instruction set, each time into a
 * library of its own; only functions marked ELMAN_API leave it. */
#include "about.h"
#include "best.h"
#include "engine.h"
#include "layer.h"
#include "programs/table.h"

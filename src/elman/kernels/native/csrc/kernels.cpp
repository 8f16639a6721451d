/* The only translation unit of the native engine. It is compiled into one library per instruction set, which exports
 * only the functions marked ELMAN_API. */
#include "about.h"
#include "best.h"
#include "engine.h"
#include "layer.h"
#include "numbers.h"
#include "programs/table.h"
#include "word_vectors.h"

/* ELMAN_API marks the functions that a library exports. Everything else is hidden. */
#ifndef ELMAN_EXPORT_H
#define ELMAN_EXPORT_H

#define ELMAN_API extern "C" __attribute__((visibility("default")))

#endif

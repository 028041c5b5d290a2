/*
 * region_audit.h - whether everything in a region adds up.
 *
 * For regions at rest: no process is inside an operation, and no lock is held.
 */
#ifndef REGION_AUDIT_H
#define REGION_AUDIT_H

#include "engine/region.h"

/* NULL: all is well. Else what is wrong; good until the next call. */
const char *region_audit(const jayi_region *region);

#endif

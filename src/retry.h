/*-------------------------------------------------------------------------
 *
 * retry.h
 *	  Rejected items go back to the queue.
 *
 * Floor 6.
 *
 * IDENTIFICATION
 *	  src/retry.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_RETRY_H
#define JOOR_RETRY_H

#include "compat.h"

/*
 * Queues the items of open rejections, given by an array of their ids, or
 * marks their keys if a feed publishes them; how many items.  The caller needs USAGE on their servers.  The rejections stay open
 * until JOOR takes the items.
 */
extern int64 joor_retry_rejections(Datum ids);

#endif /* JOOR_RETRY_H */

/*-------------------------------------------------------------------------
 *
 * request_row.h
 *	  The rows that joor.push and joor.push_sku return.
 *
 * Floor 5.
 *
 * IDENTIFICATION
 *	  src/request_row.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_REQUEST_ROW_H
#define JOOR_REQUEST_ROW_H

#include "joor_api.h"

#include "nodes/execnodes.h"

/* A row for a request that was made. */
extern void joor_request_row_put(ReturnSetInfo *result, int64 id,
								 const JoorCall		*call,
								 const JoorDelivery *delivery,
								 const char			*message);

/* A row for items of which no request was made. */
extern void joor_request_row_put_unsent(ReturnSetInfo *result, int64 items,
										const char *outcome, int rejected,
										const char *message);

#endif /* JOOR_REQUEST_ROW_H */

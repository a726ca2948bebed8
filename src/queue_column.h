/*-------------------------------------------------------------------------
 *
 * queue_column.h
 *	  The columns of joor.queue, counted from 0.
 *
 * Floor 4: of queue.c and queue_writer.c only.
 *
 * IDENTIFICATION
 *	  src/queue_column.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_QUEUE_COLUMN_H
#define JOOR_QUEUE_COLUMN_H

#include "item.h"

enum
{
	QUEUE_ID,
	QUEUE_SERVERID,
	QUEUE_SERVER,
	QUEUE_USER_NAME,
	QUEUE_QUEUED_AT,
	QUEUE_DEC_PENDING,
	QUEUE_XID,
	QUEUE_HASH,
	QUEUE_SINCE,
	QUEUE_FIELDS, /* the first field; the others follow in their order */
	QUEUE_COLUMNS = QUEUE_FIELDS + JOOR_FIELD_COUNT
};

#endif /* JOOR_QUEUE_COLUMN_H */

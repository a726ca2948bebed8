/*-------------------------------------------------------------------------
 *
 * sequence.c
 *	  The next number of a sequence, unseen by the session.
 *
 * What is enqueued, perhaps by a trigger, needs a number.  nextval() would make
 * our sequence the one that lastval() speaks of: an application that inserts
 * a row and asks for lastval(), as many drivers do, would be told our number,
 * or that it may not read it.  So the one row of the sequence is
 * advanced in place, under the lock on its page, as nextval() does it, and
 * logged in advance by a generic WAL record once in a while.
 *
 * It goes together with nextval() and setval() of others, for log_cnt means
 * the same to both: how many numbers after the last one have been logged.
 *
 * Floor 1.
 *
 * IDENTIFICATION
 *	  src/sequence.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/generic_xlog.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/xlog.h"
#include "commands/sequence.h"
#include "storage/bufmgr.h"
#include "storage/bufpage.h"
#include "utils/rel.h"

#include "sequence.h"

/* Numbers that are logged before they are given out. */
#define LOGGED_AHEAD 32

/* The values of a sequence, on its page. */
static Form_pg_sequence_data
sequence_data(Page page)
{
	HeapTupleHeader tuple = (HeapTupleHeader) PageGetItem(
		page, PageGetItemId(page, FirstOffsetNumber));

	return (Form_pg_sequence_data) ((char *) tuple + tuple->t_hoff);
}

/*
 * Takes the next number off the page, which is locked.  Numbers are logged in
 * advance, as nextval() does: after a crash some are left out, none comes
 * twice.  The image is a full one, for what was not logged since the last one
 * must not be told apart byte by byte.
 */
static int64
take_logged(Relation relation, Buffer buffer)
{
	GenericXLogState	 *log = GenericXLogStart(relation);
	Form_pg_sequence_data data = sequence_data(
		GenericXLogRegisterBuffer(log, buffer, GENERIC_XLOG_FULL_IMAGE));
	int64 number = data->is_called ? data->last_value + 1 : data->last_value;

	data->last_value = number + LOGGED_AHEAD;
	data->is_called = true;
	data->log_cnt = 0;
	(void) GenericXLogFinish(log);
	data = sequence_data(BufferGetPage(buffer));
	data->last_value = number;
	data->log_cnt = LOGGED_AHEAD;
	MarkBufferDirty(buffer);
	return number;
}

/* The same where the number has been logged; false: it has not. */
static bool
take_ahead(Buffer buffer, int64 *number)
{
	Page				  page = BufferGetPage(buffer);
	Form_pg_sequence_data data = sequence_data(page);

	/* a page that was written before the last checkpoint is not replayed */
	if (data->log_cnt <= 0 || !data->is_called ||
		PageGetLSN(page) <= GetRedoRecPtr())
		return false;
	*number = ++data->last_value;
	data->log_cnt--;
	MarkBufferDirty(buffer);
	return true;
}

int64
joor_sequence_next(Oid sequence)
{
	Relation relation = relation_open(sequence, RowExclusiveLock);
	Buffer	 buffer = ReadBuffer(relation, 0);
	int64	 number;

	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	if (!take_ahead(buffer, &number))
		number = take_logged(relation, buffer);
	UnlockReleaseBuffer(buffer);
	/* the lock stays until the transaction ends, as that of nextval() does */
	relation_close(relation, NoLock);
	return number;
}

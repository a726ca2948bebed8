/*-------------------------------------------------------------------------
 *
 * sequence.c
 *	  The next number of a sequence, unseen by the session.
 *
 * A commit that writes into the queue needs a number there.  nextval() would
 * make our sequence the one that lastval() speaks of: an application that
 * inserts a row and asks for lastval(), as many drivers do, would be told our
 * number, or that it may not read it.  So the one row of the sequence is
 * advanced in place, under the lock on its page, as nextval() does it, and
 * logged by generic WAL records.
 *
 * It goes together with nextval() and setval() of others.  nextval() logs
 * numbers in advance and notes in log_cnt how many; ours sets that to 0, so
 * that the next one logs again.  A recovery that finds a number logged in
 * advance, and applies one of ours to it, can leave numbers out, never give
 * one twice: it replaces the low bytes of a number that is not lower.
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
#include "commands/sequence.h"
#include "storage/bufmgr.h"
#include "storage/bufpage.h"
#include "utils/rel.h"

#include "sequence.h"

/* The values of a sequence, on its page. */
static Form_pg_sequence_data
sequence_data(Page page)
{
	HeapTupleHeader tuple = (HeapTupleHeader) PageGetItem(
		page, PageGetItemId(page, FirstOffsetNumber));

	return (Form_pg_sequence_data) ((char *) tuple + tuple->t_hoff);
}

int64
joor_sequence_next(Oid sequence)
{
	Relation			  relation = relation_open(sequence, RowExclusiveLock);
	Buffer				  buffer = ReadBuffer(relation, 0);
	GenericXLogState	 *log;
	Form_pg_sequence_data data;
	int64				  number;

	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	log = GenericXLogStart(relation);
	data = sequence_data(GenericXLogRegisterBuffer(log, buffer, 0));
	number = data->is_called ? data->last_value + 1 : data->last_value;
	data->last_value = number;
	data->is_called = true;
	data->log_cnt = 0;
	(void) GenericXLogFinish(log);
	UnlockReleaseBuffer(buffer);
	/* the lock stays until the transaction ends, as that of nextval() does */
	relation_close(relation, NoLock);
	return number;
}

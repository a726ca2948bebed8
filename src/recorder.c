/*-------------------------------------------------------------------------
 *
 * recorder.c
 *	  Writes the record of a send outside of the caller's transaction.
 *
 * The session and its recorder talk through two shm_mq queues in a dynamic
 * shared memory segment, question and answer by turns.  Each message is one
 * short transaction.  A queue that is detached tells each side that the other
 * one is gone: the session then starts another recorder and asks again, which
 * is safe, since a start without a finish only becomes `unknown`, and a
 * finish may be recorded twice.
 *
 * The recorder never waits long for a lock: the caller's transaction might
 * hold it while it waits for the recorder, which no deadlock detector sees.
 *
 * Floor 6.
 *
 * IDENTIFICATION
 *	  src/recorder.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/extension.h"
#include "libpq/pqformat.h"
#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/dsm.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "storage/shm_mq.h"
#include "storage/shm_toc.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "recorder.h"
#include "recorder_message.h"
#include "tables.h"

#define RECORDER_MAGIC 0x6a6f6f72

/* Keys of the segment's table of contents. */
#define KEY_DATABASE 0
#define KEY_QUESTIONS 1
#define KEY_ANSWERS 2

#define QUEUE_SIZE ((Size) 65536)

/* An idle recorder ends after this time, in milliseconds. */
#define LINGER 1000

/*
 * How long to wait for a free slot of a background worker, and between two
 * looks, in milliseconds.  The launcher's workers, when they look for work in
 * each database, and the recorders of others keep one for a moment only.
 */
#define SLOT_WAIT 5000
#define SLOT_LOOK 50

/* The session's side; segment is NULL while there is no recorder. */
static dsm_segment	 *recorder_segment = NULL;
static shm_mq_handle *recorder_questions = NULL;
static shm_mq_handle *recorder_answers = NULL;

/* The recorder's side: the request that was started and not finished. */
static int64 unfinished_request = 0;

/*
 * The session's side.
 */

void
joor_recorder_abandon(void)
{
	if (recorder_segment != NULL)
		dsm_detach(recorder_segment);
	recorder_segment = NULL;
	if (recorder_questions != NULL)
		pfree(recorder_questions);
	recorder_questions = NULL;
	if (recorder_answers != NULL)
		pfree(recorder_answers);
	recorder_answers = NULL;
}

/* A segment with both queues, ours to write questions and read answers. */
static dsm_segment *
create_segment(void)
{
	shm_toc_estimator estimator;
	dsm_segment		 *segment;
	shm_toc			 *toc;
	Oid				 *database;
	shm_mq			 *queue;
	Size			  size;

	shm_toc_initialize_estimator(&estimator);
	shm_toc_estimate_chunk(&estimator, sizeof(Oid));
	shm_toc_estimate_chunk(&estimator, QUEUE_SIZE);
	shm_toc_estimate_chunk(&estimator, QUEUE_SIZE);
	shm_toc_estimate_keys(&estimator, 3);
	size = shm_toc_estimate(&estimator);
	segment = dsm_create(size, 0);
	toc = shm_toc_create(RECORDER_MAGIC, dsm_segment_address(segment), size);

	database = shm_toc_allocate(toc, sizeof(Oid));
	*database = MyDatabaseId;
	shm_toc_insert(toc, KEY_DATABASE, database);
	queue = shm_mq_create(shm_toc_allocate(toc, QUEUE_SIZE), QUEUE_SIZE);
	shm_mq_set_sender(queue, MyProc);
	shm_toc_insert(toc, KEY_QUESTIONS, queue);
	queue = shm_mq_create(shm_toc_allocate(toc, QUEUE_SIZE), QUEUE_SIZE);
	shm_mq_set_receiver(queue, MyProc);
	shm_toc_insert(toc, KEY_ANSWERS, queue);
	return segment;
}

static void
wait_for_slot(void)
{
	static uint32 wait_event = 0;

	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 SLOT_LOOK,
					 joor_wait_event(&wait_event, "JoorInventorySlot"));
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

static BackgroundWorkerHandle *
register_recorder(dsm_segment *segment)
{
	TimestampTz				begun = GetCurrentTimestamp();
	BackgroundWorker		worker;
	BackgroundWorkerHandle *handle;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags =
		BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker.bgw_library_name, "joor_inventory", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "joor_recorder_main", BGW_MAXLEN);
	snprintf(worker.bgw_name, BGW_MAXLEN, "joor_inventory recorder for PID %d",
			 MyProcPid);
	strlcpy(worker.bgw_type, "joor_inventory recorder", BGW_MAXLEN);
	worker.bgw_main_arg = UInt32GetDatum(dsm_segment_handle(segment));
	worker.bgw_notify_pid = MyProcPid;
	while (!RegisterDynamicBackgroundWorker(&worker, &handle))
	{
		if (TimestampDifferenceExceeds(begun, GetCurrentTimestamp(), SLOT_WAIT))
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
					 errmsg("could not start a process to record the request"),
					 errdetail("All background workers were in use for %d "
							   "seconds.",
							   SLOT_WAIT / 1000),
					 errhint("You may need to increase "
							 "\"max_worker_processes\".")));
		wait_for_slot();
	}
	return handle;
}

/*
 * Starts a recorder.  The segment stays until joor_recorder_abandon() or the
 * end of the session; the handles live as long.
 */
static void
start_recorder(void)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	dsm_segment	 *segment = create_segment();
	shm_toc *toc = shm_toc_attach(RECORDER_MAGIC, dsm_segment_address(segment));
	BackgroundWorkerHandle *handle = register_recorder(segment);

	recorder_questions = shm_mq_attach(
		shm_toc_lookup(toc, KEY_QUESTIONS, false), segment, handle);
	recorder_answers =
		shm_mq_attach(shm_toc_lookup(toc, KEY_ANSWERS, false), segment, handle);
	dsm_pin_mapping(segment);
	recorder_segment = segment;
	MemoryContextSwitchTo(old);
}

/* Asks the recorder there is; false: it is gone. */
static bool
exchange(StringInfo question, StringInfo answer)
{
	Size  length;
	void *data;

	if (joor_shm_mq_send(recorder_questions, question->len, question->data) !=
			SHM_MQ_SUCCESS ||
		shm_mq_receive(recorder_answers, &length, &data, false) !=
			SHM_MQ_SUCCESS)
		return false;
	appendBinaryStringInfo(answer, data, length);
	return true;
}

/*
 * Asks, with a new recorder if the one there was has gone.  Whatever is
 * thrown from the waiting leaves no half-read answer behind.
 */
static void
ask(StringInfo question, StringInfo answer)
{
	bool answered = false;
	int	 tries;

	PG_TRY();
	{
		for (tries = 0; tries < 2 && !answered; tries++)
		{
			if (recorder_segment == NULL)
				start_recorder();
			answered = exchange(question, answer);
			if (!answered)
				joor_recorder_abandon();
		}
	}
	PG_CATCH();
	{
		joor_recorder_abandon();
		PG_RE_THROW();
	}
	PG_END_TRY();
	if (!answered)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("could not start a process to record the request"),
				 errhint("More details may be available in the server log.")));
	if (pq_getmsgbyte(answer) == JOOR_MESSAGE_ERROR)
		joor_message_throw_error(answer);
}

void
joor_recorder_start(const JoorRequestStart *start, JoorRequestPermit *permit)
{
	StringInfoData question;
	StringInfoData answer;

	initStringInfo(&question);
	initStringInfo(&answer);
	pq_sendbyte(&question, JOOR_MESSAGE_START);
	joor_message_put_start(&question, start);
	ask(&question, &answer);
	joor_message_get_permit(&answer, permit);
}

void
joor_recorder_finish(const JoorRequestFinish *finish)
{
	StringInfoData question;
	StringInfoData answer;

	initStringInfo(&question);
	initStringInfo(&answer);
	pq_sendbyte(&question, JOOR_MESSAGE_FINISH);
	joor_message_put_finish(&question, finish);
	ask(&question, &answer);
}

void
joor_recorder_reject(Oid serverid, const char *server, const char *items)
{
	StringInfoData question;
	StringInfoData answer;

	initStringInfo(&question);
	initStringInfo(&answer);
	pq_sendbyte(&question, JOOR_MESSAGE_REJECT);
	pq_sendint32(&question, serverid);
	joor_message_put_text(&question, server);
	joor_message_put_text(&question, items);
	ask(&question, &answer);
}

/*
 * The recorder's side.
 */

/* Does what a message says; what is to be answered after DONE. */
static void
obey(StringInfo question, StringInfo answer)
{
	JoorRequestStart  start;
	JoorRequestPermit permit;
	JoorRequestFinish finish;
	Oid				  serverid;
	char			 *server;

	switch (pq_getmsgbyte(question))
	{
		case JOOR_MESSAGE_START:
			joor_message_get_start(question, &start);
			joor_request_start(&start, &permit);
			unfinished_request = permit.id;
			joor_message_put_permit(answer, &permit);
			break;
		case JOOR_MESSAGE_FINISH:
			joor_message_get_finish(question, &finish);
			joor_request_finish(&finish);
			unfinished_request = 0;
			break;
		case JOOR_MESSAGE_REJECT:
			serverid = pq_getmsgint(question, 4);
			server = joor_message_get_text(question);
			joor_rejection_record(serverid, server, 0,
								  joor_message_get_text(question));
			break;
		default:
			elog(ERROR, "unknown message to the recorder");
	}
}

/* Obeys one message in one transaction, and answers. */
static void
serve(StringInfo question, shm_mq_handle *answers)
{
	MemoryContext  context = CurrentMemoryContext;
	StringInfoData answer;
	JoorTables	   tables;

	initStringInfo(&answer);
	PG_TRY();
	{
		pq_sendbyte(&answer, JOOR_MESSAGE_DONE);
		joor_tables_begin(&tables);
		obey(question, &answer);
		joor_tables_commit(&tables);
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		AbortOutOfAnyTransaction();
		MemoryContextSwitchTo(context);
		pgstat_report_activity(STATE_IDLE, NULL);
		resetStringInfo(&answer);
		pq_sendbyte(&answer, JOOR_MESSAGE_ERROR);
		joor_message_put_error(&answer, error);
	}
	PG_END_TRY();
	(void) joor_shm_mq_send(answers, answer.len, answer.data);
}

/*
 * Reads the next message; false: the session is gone, or silent for LINGER.
 * A request under way is no silence.
 */
static bool
next_question(shm_mq_handle *questions, StringInfo question)
{
	for (;;)
	{
		Size		  length;
		void		 *data;
		int			  events;
		shm_mq_result result;

		result = shm_mq_receive(questions, &length, &data, true);
		if (result == SHM_MQ_SUCCESS)
		{
			appendBinaryStringInfo(question, data, length);
			return true;
		}
		if (result == SHM_MQ_DETACHED)
			return false;
		events = WaitLatch(MyLatch,
						   WL_LATCH_SET | WL_EXIT_ON_PM_DEATH |
							   (unfinished_request == 0 ? WL_TIMEOUT : 0),
						   LINGER, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if ((events & WL_TIMEOUT) != 0)
			return false;
	}
}

/*
 * What is left to do when nobody asks any more.  The extension may have been
 * dropped, or never committed: then there is nothing.
 */
static void
take_leave(void)
{
	JoorTables tables;
	bool	   present;

	StartTransactionCommand();
	present = OidIsValid(get_extension_oid("joor_inventory", true));
	CommitTransactionCommand();
	if (!present)
		return;
	joor_tables_begin(&tables);
	if (unfinished_request != 0)
		joor_request_abandon(unfinished_request);
	joor_request_expire();
	joor_tables_commit(&tables);
}

/* Connects to the session's database, with no role's limits. */
static void
connect_recorder(Oid database)
{
	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
	joor_tables_settings("5s");
	debug_query_string = "recording requests to JOOR";
}

void
joor_recorder_main(Datum main_arg)
{
	dsm_segment	  *segment;
	shm_toc		  *toc;
	shm_mq		  *queue;
	shm_mq_handle *questions;
	shm_mq_handle *answers;
	MemoryContext  message_context;
	StringInfoData question;

	pqsignal(SIGTERM, die);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();

	segment = dsm_attach(DatumGetUInt32(main_arg));
	if (segment == NULL)
		proc_exit(0); /* the session did not wait for us */
	dsm_pin_mapping(segment);
	toc = shm_toc_attach(RECORDER_MAGIC, dsm_segment_address(segment));
	queue = shm_toc_lookup(toc, KEY_QUESTIONS, false);
	shm_mq_set_receiver(queue, MyProc);
	questions = shm_mq_attach(queue, segment, NULL);
	queue = shm_toc_lookup(toc, KEY_ANSWERS, false);
	shm_mq_set_sender(queue, MyProc);
	answers = shm_mq_attach(queue, segment, NULL);

	connect_recorder(*(Oid *) shm_toc_lookup(toc, KEY_DATABASE, false));
	message_context = AllocSetContextCreate(
		TopMemoryContext, "joor_inventory message", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(message_context);
	for (;;)
	{
		initStringInfo(&question);
		if (!next_question(questions, &question))
			break;
		serve(&question, answers);
		MemoryContextReset(message_context);
	}
	dsm_detach(segment);
	take_leave();
	proc_exit(0);
}

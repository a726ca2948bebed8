/*
 * fuzz.c
 *	  The SQL function that runs a target under libFuzzer.
 *
 *	  fuzz(target text, arguments text)
 *
 * The arguments are libFuzzer's, parted by blanks.  It ends the process, and
 * takes its signals: it is for a server of one user.
 */
#include "fuzz.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#define ARGUMENTS_MAX 30

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(fuzz);

/* libFuzzer's. */
extern int LLVMFuzzerRunDriver(int *argc, char ***argv,
							   int (*run)(const uint8_t *data, size_t size));

static void (*fuzz_target)(const char *data, Size size);

void
fuzz_require(bool holds, const char *condition)
{
	if (holds)
		return;
	fprintf(stderr, "does not hold: %s\n", condition);
	abort();
}

static int
run_once(const uint8_t *data, size_t size)
{
	MemoryContext context =
		fuzz_context_create(TopMemoryContext, "input", 0, 0, 0);
	MemoryContext old = MemoryContextSwitchTo(context);

	PG_TRY();
	{
		fuzz_target((const char *) data, size);
	}
	PG_CATCH();
	{
		EmitErrorReport();
		fuzz_require(false, "nothing is thrown");
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return 0;
}

Datum
fuzz(PG_FUNCTION_ARGS)
{
	char  *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char  *arguments = text_to_cstring(PG_GETARG_TEXT_PP(1));
	char  *argv[ARGUMENTS_MAX + 2] = {name};
	char **pointer = argv;
	char  *rest = NULL;
	int	   argc = 1;

	if (strcmp(name, "reply") == 0)
		fuzz_target = fuzz_reply;
	else if (strcmp(name, "payload") == 0)
		fuzz_target = fuzz_payload;
	else if (strcmp(name, "header") == 0)
		fuzz_target = fuzz_header;
	else
		elog(ERROR, "there is no target \"%s\"", name);
	for (argv[argc] = strtok_r(arguments, " ", &rest);
		 argv[argc] != NULL && argc < ARGUMENTS_MAX;
		 argv[argc] = strtok_r(NULL, " ", &rest))
		argc++;
	argv[argc] = NULL;
	PG_RETURN_INT32(LLVMFuzzerRunDriver(&argc, &pointer, run_once));
}

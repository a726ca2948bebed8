/*-------------------------------------------------------------------------
 *
 * report.c
 *	  joor.report(period): the view joor.report_page, for a time.
 *
 * A view has no arguments: the one that is being read asks for the time by
 * joor.report_period().
 *
 * Floor 8.
 *
 * IDENTIFICATION
 *	  src/report.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "tables.h"

PG_FUNCTION_INFO_V1(joor_inventory_report);
PG_FUNCTION_INFO_V1(joor_inventory_report_period);

/* Of the report that is being made; NULL: none is. */
static Interval *report_period = NULL;

/*
 * joor.report_period()
 */
Datum
joor_inventory_report_period(PG_FUNCTION_ARGS)
{
	Interval *period = palloc0(sizeof(Interval));

	if (report_period != NULL)
		*period = *report_period;
	else
		period->day = 1;
	PG_RETURN_INTERVAL_P(period);
}

/* Reads the page, in the current memory context. */
static text *
read_page(void)
{
	MemoryContext context = CurrentMemoryContext;
	JoorTables	  tables;
	JoorArgs	  args = {0};
	Datum		  page;
	text		 *copy;

	joor_tables_open(&tables);
	joor_tables_reset_planner();
	/* texts of intervals are alike in every session */
	(void) set_config_option("intervalstyle", "postgres", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	joor_tables_execute("SELECT page FROM joor.report_page", &args,
						SPI_OK_SELECT);
	if (!joor_tables_value(1, &page))
		elog(ERROR, "the report has no page");
	MemoryContextSwitchTo(context);
	copy = DatumGetTextPCopy(page);
	joor_tables_close(&tables);
	return copy;
}

/*
 * joor.report(period)
 */
Datum
joor_inventory_report(PG_FUNCTION_ARGS)
{
	text *volatile page = NULL;

	report_period = PG_GETARG_INTERVAL_P(0);
	PG_TRY();
	{
		page = read_page();
	}
	PG_FINALLY();
	{
		report_period = NULL;
	}
	PG_END_TRY();
	PG_RETURN_TEXT_P(page);
}

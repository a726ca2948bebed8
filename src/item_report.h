/*-------------------------------------------------------------------------
 *
 * item_report.h
 *	  What is to be recorded of items: the JSON list for joor.rejection.
 *
 * The form of the list is that of joor_rejection_record().  It is text in the
 * server's encoding.
 *
 * Floor 3.
 *
 * IDENTIFICATION
 *	  src/item_report.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_ITEM_REPORT_H
#define JOOR_ITEM_REPORT_H

#include "item.h"

typedef struct JoorItemReport
{
	StringInfoData list; /* without its closing bracket */
	int			   count;
} JoorItemReport;

extern void joor_item_report_init(JoorItemReport *report);

/* Adds a checked item that passed: an open rejection of it is closed. */
extern void joor_item_report_pass(JoorItemReport *report, const JoorItem *item);

/*
 * Adds an item that was refused.  source: validation or joor; reason in the
 * server's encoding, may be NULL.  The item need not have passed its check.
 */
extern void joor_item_report_fail(JoorItemReport *report, const JoorItem *item,
								  const char *source, const char *reason);

/* The complete list; NULL: nothing was added. */
extern char *joor_item_report_finish(JoorItemReport *report);

#endif /* JOOR_ITEM_REPORT_H */

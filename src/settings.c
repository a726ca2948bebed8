/*-------------------------------------------------------------------------
 *
 * settings.c
 *	  Configuration parameters, joor_inventory.*.
 *
 * All but overwrite_max_drop, which is the session's, take effect with a
 * reload.  None of them is needed to start.
 *
 * Floor 1.
 *
 * IDENTIFICATION
 *	  src/settings.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/guc.h"

#include "settings.h"

bool   joor_enabled = true;
int	   joor_request_retention = 30 * 24 * 60;
int	   joor_request_max_rows = 100000;
double joor_overwrite_max_drop = 50;
int	   joor_feed_timeout = 30000;

void
joor_settings_init(void)
{
	DefineCustomBoolVariable(
		"joor_inventory.enabled", "Allows this cluster to send to JOOR.", NULL,
		&joor_enabled, true, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable(
		"joor_inventory.request_retention",
		"How long finished requests and closed rejections are kept.",
		"0 keeps them for ever.", &joor_request_retention, 30 * 24 * 60, 0,
		INT_MAX, PGC_SIGHUP, GUC_UNIT_MIN, NULL, NULL, NULL);
	DefineCustomIntVariable("joor_inventory.request_max_rows",
							"How many finished requests are kept at most.",
							"0 sets no limit.", &joor_request_max_rows, 100000,
							0, INT_MAX, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomRealVariable(
		"joor_inventory.overwrite_max_drop",
		"How much of what is published an overwrite may leave out, in "
		"percent.",
		"100 permits any overwrite.", &joor_overwrite_max_drop, 50, 0, 100,
		PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable(
		"joor_inventory.feed_timeout",
		"How long the worker may take to read a part of a feed.",
		"0 sets no limit.", &joor_feed_timeout, 30000, 0, INT_MAX, PGC_SIGHUP,
		GUC_UNIT_MS, NULL, NULL, NULL);
	joor_reserve_guc_prefix("joor_inventory");
}

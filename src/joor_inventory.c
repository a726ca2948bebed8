/*-------------------------------------------------------------------------
 *
 * joor_inventory.c
 *	  The module: what PostgreSQL loads.
 *
 * Floor 9: a list of initializations, no logic.
 *
 * IDENTIFICATION
 *	  src/joor_inventory.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "launcher.h"
#include "settings.h"
#include "wake.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	joor_settings_init();
	if (process_shared_preload_libraries_in_progress)
	{
		joor_wake_init();
		joor_launcher_init();
	}
}

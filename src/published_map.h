/*-------------------------------------------------------------------------
 *
 * published_map.h
 *	  What JOOR acknowledged last, in memory, to be looked up by position.
 *
 * An account's positions are split into parts by their hashes, so that the map
 * of one part takes at most some 50 MB, however many positions there are.
 *
 * The table is read as it is, whoever the current user is: a caller lets out
 * only what that one may see.
 *
 * Floor 4.
 *
 * IDENTIFICATION
 *	  src/published_map.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_PUBLISHED_MAP_H
#define JOOR_PUBLISHED_MAP_H

#include "published.h"

/* Flags of an entry. */
#define JOOR_PUBLISHED_ACKNOWLEDGED 1
#define JOOR_PUBLISHED_KEPT 2 /* of the feed, and not detached */
#define JOOR_PUBLISHED_INVENTORY 4
#define JOOR_PUBLISHED_MADE_TO_ORDER_SAID 8
#define JOOR_PUBLISHED_MADE_TO_ORDER 16
#define JOOR_PUBLISHED_SEEN 32 /* the caller's to set */

typedef struct JoorPublishedEntry
{
	int64 hash;
	int64 inventory;
	uint8 flags;
	char  status; /* of the map */
} JoorPublishedEntry;

/* How an account's positions are split, and the feed that asks. */
typedef struct JoorPublishedParts
{
	Oid			serverid;
	const char *feed;
	int64		rows;  /* about */
	int			count; /* a power of two; known once the first is loaded */
} JoorPublishedParts;

typedef struct JoorPublishedMap JoorPublishedMap;

/* Before the first part is loaded; the feed's name stays the caller's. */
extern void joor_published_parts_init(JoorPublishedParts *parts, Oid serverid,
									  const char *feed);

/* The part that a position is in, from 0. */
extern int joor_published_part(const JoorPublishedParts *parts, int64 hash);

/*
 * Loads a part, the first one first, in a memory context of its own below the current one.  Freed
 * with that context, or by joor_published_map_free().
 */
extern JoorPublishedMap *joor_published_map_load(JoorPublishedParts *parts,
												 int				 part);

/*
 * Begins to fetch into the processor's cache where a position's entry would
 * be: for one that is looked for a little later.
 */
extern void joor_published_map_prefetch(const JoorPublishedMap *map,
										int64					hash);

/* The entry of a position; NULL: there is none. */
extern JoorPublishedEntry *joor_published_map_find(JoorPublishedMap *map,
												   int64			 hash);

/* Calls back for each entry. */
extern void joor_published_map_walk(
	JoorPublishedMap *map,
	void (*visit)(void *arg, const JoorPublishedEntry *entry), void *arg);

extern void joor_published_map_free(JoorPublishedMap *map);

#endif /* JOOR_PUBLISHED_MAP_H */

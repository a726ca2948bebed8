/*-------------------------------------------------------------------------
 *
 * reply_builder.c
 *	  What an answer says, gathered node by node.
 *
 * Both formats come here as the same sequence of nodes.  A node has a role,
 * which follows from its name and from the role of the node around it; a
 * node without a name, the element of a list, has its list's role, so that a
 * list of one and its only element are the same.
 *
 * Entries: within an inventory_log every node that holds other nodes may turn
 * out to be one.  A node with a sku of its own is an entry.  One with a
 * status or an id of its own is an entry, too, unless entries were found in
 * it: then it is what they have in common.  An element of a list is an entry
 * even if it is empty, because entries are told apart by their position.
 *
 * Of what comes twice the first counts.
 *
 * Floor 2: of reply.c only.
 *
 * IDENTIFICATION
 *	  src/reply_builder.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "reply_builder.h"
#include "reply_value.h"

/* Bytes of a text that are kept. */
#define SKU_MAX 600
#define ID_MAX 200

/* Entries of an answer; far more than a request has items. */
#define ENTRIES_MAX 1000000

typedef enum NodeRole
{
	ROLE_NONE, /* nothing that we know, but what it holds may be */
	ROLE_RESPONSE,
	ROLE_CODE,
	ROLE_COMMENT,
	ROLE_LOG_ID,
	ROLE_SKU_COUNT,
	ROLE_LOG, /* inventory_log, and what it holds but for fields of entries */
	ROLE_SKU,
	ROLE_STATUS,
	ROLE_ENTRY_ID,
	ROLE_REASON,
	ROLE_IGNORED /* and all that it holds */
} NodeRole;

typedef struct NodeName
{
	const char *name;
	NodeRole	role;
} NodeName;

typedef struct ReplyNode
{
	NodeRole role;
	/* For ROLE_LOG: */
	bool		   nameless;	/* it is the element of a list */
	bool		   has_sku;		/* it has one of its own, perhaps empty */
	bool		   has_field;	/* likewise a status or an id */
	int			   first_entry; /* number of entries when it was opened */
	JoorReplyEntry entry;		/* what it would be as an entry */
} ReplyNode;

struct JoorReplyBuilder
{
	MemoryContext context; /* of the reply */
	JoorReply	 *reply;
	int			  max_entries; /* that there is room for */
	bool		  failed;
	int			  depth;				   /* nodes that are open */
	ReplyNode	  nodes[JOOR_REPLY_DEPTH]; /* of them, outermost first */
};

/* Keeps a text unless there is one already. */
static void
set_text(const JoorReplyBuilder *builder, char **target, const char *data,
		 int length, int longest)
{
	if (*target == NULL)
		*target = joor_reply_text(builder->context, data, length, longest);
}

/*
 * Roles.
 */

static NodeRole
find_role(const NodeName *names, int count, const char *name,
		  NodeRole otherwise)
{
	int i;

	for (i = 0; i < count; i++)
		if (strcmp(names[i].name, name) == 0)
			return names[i].role;
	return otherwise;
}

/* The role of a node with that name within a node of that role. */
static NodeRole
role_within(NodeRole outer, const char *name)
{
	static const NodeName anywhere[] = {
		{"response", ROLE_RESPONSE},
		{"sku_count", ROLE_SKU_COUNT},
		{"inventory_log", ROLE_LOG},
	};
	static const NodeName of_response[] = {
		{"code", ROLE_CODE},
		{"comment", ROLE_COMMENT},
		{"log_id", ROLE_LOG_ID},
	};
	static const NodeName of_log[] = {
		{"sku", ROLE_SKU},
		{"status", ROLE_STATUS},
		{"comment", ROLE_REASON},
		{"comments", ROLE_REASON},
		{"message", ROLE_REASON},
		{"messages", ROLE_REASON},
		{"error", ROLE_REASON},
		{"errors", ROLE_REASON},
		{"reason", ROLE_REASON},
		{"reasons", ROLE_REASON},
		{"inventory_log_id", ROLE_ENTRY_ID},
	};
	NodeRole role;

	if (name == NULL)
		return outer;
	switch (outer)
	{
		case ROLE_NONE:
			return find_role(anywhere, lengthof(anywhere), name, ROLE_NONE);
		case ROLE_RESPONSE:
			role = find_role(anywhere, lengthof(anywhere), name, ROLE_NONE);
			return find_role(of_response, lengthof(of_response), name, role);
		case ROLE_LOG:
			return find_role(of_log, lengthof(of_log), name, ROLE_LOG);
		case ROLE_REASON:
			/* {"error": {"number": 7, "message": "..."}} */
			role = find_role(of_log, lengthof(of_log), name, ROLE_IGNORED);
			return role == ROLE_REASON ? ROLE_REASON : ROLE_IGNORED;
		default:
			return ROLE_IGNORED;
	}
}

/*
 * Nodes.
 */

JoorReplyBuilder *
joor_reply_builder(JoorReply *reply)
{
	JoorReplyBuilder *builder = palloc0(sizeof(JoorReplyBuilder));

	builder->context = GetMemoryChunkContext(reply);
	builder->reply = reply;
	return builder;
}

void
joor_reply_open(JoorReplyBuilder *builder, const char *name)
{
	NodeRole   outer = ROLE_NONE;
	ReplyNode *node;

	CHECK_FOR_INTERRUPTS();
	if (builder->depth >= JOOR_REPLY_DEPTH)
		builder->failed = true;
	if (builder->failed)
		return;
	if (builder->depth > 0)
		outer = builder->nodes[builder->depth - 1].role;
	node = &builder->nodes[builder->depth++];
	memset(node, 0, sizeof(*node));
	node->role = role_within(outer, name);
	node->nameless = name == NULL;
	node->first_entry = builder->reply->nentries;
	if (node->role == ROLE_LOG)
		builder->reply->has_log = true;
}

/* The node that a field of an entry, which is open, belongs to. */
static ReplyNode *
entry_node(JoorReplyBuilder *builder)
{
	int i = builder->depth - 1;

	while (i > 0 && builder->nodes[i].role != ROLE_LOG)
		i--;
	return &builder->nodes[i];
}

/* A field of an entry. */
static void
set_entry_field(JoorReplyBuilder *builder, NodeRole role, const char *data,
				int length)
{
	ReplyNode *node = entry_node(builder);
	char	  *status;

	switch (role)
	{
		case ROLE_SKU:
			set_text(builder, &node->entry.sku, data, length, SKU_MAX);
			node->has_sku = true;
			break;
		case ROLE_ENTRY_ID:
			set_text(builder, &node->entry.log_id, data, length, ID_MAX);
			node->has_field = true;
			break;
		case ROLE_REASON:
			set_text(builder, &node->entry.reason, data, length,
					 JOOR_REPLY_TEXT_MAX);
			break;
		case ROLE_STATUS:
			status = joor_reply_text(builder->context, data, length, ID_MAX);
			if (status != NULL && node->entry.status == JOOR_STATUS_UNKNOWN)
				node->entry.status = joor_reply_status(status);
			if (status != NULL)
				pfree(status);
			node->has_field = true;
			break;
		default:
			break;
	}
}

static void
set_code(JoorReplyBuilder *builder, const char *data, int length)
{
	JoorReply *reply = builder->reply;

	set_text(builder, &reply->code, data, length, ID_MAX);
	if (reply->code == NULL)
		return;
	reply->has_code = true;
	reply->success = joor_reply_is_zero(reply->code);
}

static void
set_count(JoorReplyBuilder *builder, const char *data, int length)
{
	JoorReply *reply = builder->reply;
	char	  *text = joor_reply_text(builder->context, data, length, ID_MAX);

	if (text != NULL && !reply->has_sku_count)
		reply->has_sku_count = joor_reply_count(text, &reply->sku_count);
}

void
joor_reply_value(JoorReplyBuilder *builder, const char *data, int length,
				 bool is_string)
{
	JoorReply *reply = builder->reply;
	NodeRole   role;

	if (builder->failed || builder->depth == 0)
		return;
	role = builder->nodes[builder->depth - 1].role;
	switch (role)
	{
		case ROLE_RESPONSE:
			/* A response that is no more than a text is the log id. */
			if (is_string)
				set_text(builder, &reply->log_id, data, length, ID_MAX);
			break;
		case ROLE_CODE:
			set_code(builder, data, length);
			break;
		case ROLE_COMMENT:
			set_text(builder, &reply->comment, data, length,
					 JOOR_REPLY_TEXT_MAX);
			break;
		case ROLE_LOG_ID:
			set_text(builder, &reply->log_id, data, length, ID_MAX);
			break;
		case ROLE_SKU_COUNT:
			set_count(builder, data, length);
			break;
		case ROLE_SKU:
		case ROLE_STATUS:
		case ROLE_ENTRY_ID:
		case ROLE_REASON:
			set_entry_field(builder, role, data, length);
			break;
		default:
			break;
	}
}

static void
add_entry(JoorReplyBuilder *builder, const JoorReplyEntry *entry)
{
	JoorReply *reply = builder->reply;

	if (reply->nentries >= ENTRIES_MAX)
	{
		builder->failed = true;
		return;
	}
	if (reply->nentries >= builder->max_entries)
	{
		builder->max_entries = Max(64, builder->max_entries * 2);
		if (reply->entries == NULL)
			reply->entries = MemoryContextAlloc(builder->context,
												builder->max_entries *
													sizeof(JoorReplyEntry));
		else
			reply->entries = repalloc(
				reply->entries, builder->max_entries * sizeof(JoorReplyEntry));
	}
	reply->entries[reply->nentries++] = *entry;
}

void
joor_reply_close(JoorReplyBuilder *builder)
{
	ReplyNode *node;
	bool	   has_entries;

	if (builder->failed)
		return;
	node = &builder->nodes[--builder->depth];
	if (node->role != ROLE_LOG)
		return;
	has_entries = builder->reply->nentries > node->first_entry;
	if (node->has_sku)
		builder->reply->nentries = node->first_entry;
	if (node->has_sku || (!has_entries && (node->has_field || node->nameless)))
		add_entry(builder, &node->entry);
}

bool
joor_reply_failed(const JoorReplyBuilder *builder)
{
	return builder->failed;
}

/*-------------------------------------------------------------------------
 *
 * account.h
 *	  The accounts: what JOOR keeps for a token, and how it behaves for it.
 *
 * An account that is dropped is emptied and no longer found, but stays in
 * memory, since a call may still hold it.  Under the lock, all of it.
 *
 * IDENTIFICATION
 *	  test/simulator/account.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIMULATOR_ACCOUNT_H
#define SIMULATOR_ACCOUNT_H

#include "answer.h"
#include "credit_window.h"
#include "inventory.h"

typedef enum AuthScheme
{
	AUTH_OAUTH2, /* "OAuth2 " and the token in Base64 */
	AUTH_BEARER, /* "Bearer " and the token */
	AUTH_BOTH
} AuthScheme;

typedef enum RetryAfter
{
	RETRY_AFTER_OFF,
	RETRY_AFTER_SECONDS,
	RETRY_AFTER_DATE
} RetryAfter;

typedef struct StringSet
{
	Arena		arena;
	StringTable table;
} StringSet;

typedef struct Account
{
	struct Account *next;
	char			name[64];
	int				number;
	bool			dropped;

	/* Who may call, and how often. */
	char		 token[1024];
	int			 auth;	   /* an AuthScheme */
	bool		 disabled; /* 403 */
	CreditWindow credits;
	int			 retry_after; /* a RetryAfter */

	/* What it takes. */
	ItemRules rules;
	int		  json_shape;		/* a JsonShape */
	int64_t	  max_bytes;		/* of a body; 0: any */
	int64_t	  max_items;		/* of a body; 0: any */
	bool	  bad_item_refuses; /* the body, not the item alone */
	bool	  empty_allowed;	/* a body without items */
	StringSet reject;			/* SKUs, joined */
	StringSet poison;			/* likewise; they refuse the body */
	int64_t	  poison_status;
	int64_t	  poison_code;

	/* What it knows. */
	Catalogue	catalogue;
	Inventory	inventory;
	bool		any_warehouse;
	int64_t		pending; /* held by orders where nothing else is said */

	AnswerStyle answer;
} Account;

/*
 * Makes the account unless there is one of that name, and sets its options.
 * NULL when json is not right; error then says why.
 */
extern Account *account_put(const char *name, json_t *json, Buffer *error);

/* NULL: there is none. */
extern Account *account_by_name(const char *name);
extern Account *account_by_authorization(const char *authorization);

extern void		account_drop(Account *account);
extern void		account_drop_all(void);

/* For all accounts: no positions, full credits. */
extern void account_forget_inventory(void);
extern void account_refill(void);

extern bool string_set_has(const StringSet *set, const char *text);

#endif /* SIMULATOR_ACCOUNT_H */

# joor_inventory: JOOR always shows the stock that a query says
#
#   make                 builds against pg_config of the PATH, or PG_CONFIG=...
#   make install         as a user who may write to PostgreSQL's folders
#   make installcheck    pg_regress, isolation and TAP against that server
#   bash test/run        all of it on a fresh machine, in a private cluster

EXTENSION = joor_inventory
MODULE_big = joor_inventory

# The version is written once, in the control file.
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" joor_inventory.control)

DATA = $(wildcard sql/joor_inventory--*.sql)
OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/*.c)))
PGFILEDESC = "joor_inventory - inventory push to JOOR"

REGRESS = $(patsubst test/sql/%.sql,%,$(sort $(wildcard test/sql/*.sql)))
REGRESS_OPTS = --inputdir=$(srcdir)/test --encoding=UTF8
ISOLATION = $(patsubst test/isolation/specs/%.spec,%,$(sort $(wildcard test/isolation/specs/*.spec)))
ISOLATION_OPTS = --inputdir=$(srcdir)/test/isolation
TAP_TESTS = 1
PROVE_TESTS = $(wildcard test/t/*.pl)

PG_CPPFLAGS = -DJOOR_INVENTORY_VERSION='"$(EXTVERSION)"' $(shell curl-config --cflags) $(shell xml2-config --cflags)
SHLIB_LINK = $(shell curl-config --libs) $(shell xml2-config --libs)

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

PROVE_FLAGS += -I $(srcdir)/test/lib

# Headers are few: any change of one rebuilds all.
$(OBJS): $(wildcard src/*.h) joor_inventory.control

.PHONY: dist format format-check
dist:
	git archive --format zip --prefix=$(EXTENSION)-$(EXTVERSION)/ --output $(EXTENSION)-$(EXTVERSION).zip HEAD

format:
	clang-format -i src/*.c src/*.h test/simulator/*.c test/simulator/*.h

format-check:
	clang-format --dry-run --Werror src/*.c src/*.h test/simulator/*.c test/simulator/*.h

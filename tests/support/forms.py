"""Forms of SQL of many dialects, right and wrong ones, to be asked of each origin.

The table is the harness's `tame`, written so. What one origin has for an operator is an alias or an error
to another, and the parser reads nearly all of them in any dialect.
"""

from __future__ import annotations

EXPRESSIONS = r"""
id AS x, i
i::int
i :: text
d::text
'5'::int
cast(i AS int)
cast(i AS integer)
cast(i AS bigint)
cast(i AS int8)
cast(i AS int4)
cast(i AS int2)
cast(i AS smallint)
cast(i AS tinyint)
cast(i AS mediumint)
cast(i AS signed)
cast(i AS signed integer)
cast(i AS unsigned)
cast(i AS unsigned integer)
cast(i AS ubigint)
cast(i AS uint)
cast(i AS double)
cast(i AS double precision)
cast(i AS float)
cast(i AS float4)
cast(i AS float8)
cast(i AS float(10))
cast(i AS real)
cast(i AS decimal)
cast(i AS decimal(10,2))
cast(i AS decimal(10))
cast(i AS dec(10,2))
cast(i AS numeric)
cast(i AS numeric(10,2))
cast(i AS number)
cast(i AS bignumeric)
cast(i AS fixed)
cast(i AS text)
cast(i AS varchar)
cast(i AS varchar(2))
cast(i AS char)
cast(i AS char(1))
cast(i AS char(5))
cast(i AS character)
cast(i AS character varying)
cast(i AS character varying(3))
cast(i AS nchar)
cast(i AS nchar(3))
cast(i AS nvarchar(3))
cast(i AS string)
cast(i AS bpchar)
cast(i AS name)
cast(i AS longtext)
cast(i AS tinytext)
cast(i AS clob)
cast(i AS blob)
cast(i AS bytea)
cast(i AS binary)
cast(i AS binary(3))
cast(i AS varbinary)
cast(i AS boolean)
cast(i AS bool)
cast(b AS int)
cast(b AS text)
cast(b AS char)
cast(d AS date)
cast(d AS datetime)
cast(d AS timestamp)
cast(d AS timestamptz)
cast(d AS timestamp with time zone)
cast(d AS timestamp without time zone)
cast(d AS timestamp(3))
cast(d AS text)
cast(d AS char)
cast(s AS date)
cast(s AS time)
cast(s AS datetime)
cast(s AS datetime(3))
cast(s AS timestamp(0))
cast(t AS date)
cast(t AS json)
cast(t AS jsonb)
cast(t AS uuid)
cast(t AS year)
cast(t AS interval)
cast(t AS object)
cast(t AS variant)
cast(t AS xml)
cast(n AS int)
cast(n AS bigint)
cast(n AS text)
cast(n AS char)
cast(n AS decimal(5,1))
cast(n AS money)
cast(f AS int)
cast(f AS text)
cast(f AS decimal(10,2))
cast(f AS numeric)
try_cast(i AS int)
safe_cast(i AS int)
cast(i AS int array)
cast(i AS int[])
cast(i AS text COLLATE "C")
convert(i, char)
convert(i, signed)
convert(i, decimal(10,2))
convert(t using utf8mb4)
convert(char, i)
binary t
binary 'a'
date 'x'
DATE '2024-01-01'
date'2024-01-01'
TIMESTAMP '2024-01-01'
TIMESTAMP '2024-01-01 10:00:00'
DATETIME '2024-01-01 10:00:00'
TIMESTAMPTZ '2024-01-01'
TIME '10:00'
TIMESTAMP WITH TIME ZONE '2024-01-01'
TIMESTAMP WITHOUT TIME ZONE '2024-01-01'
INTEGER '5'
INT '5'
BIGINT '5'
SIGNED '5'
UNSIGNED '5'
DECIMAL '5'
NUMERIC '5.0'
NUMERIC(10,2) '5.0'
FLOAT '5'
FLOAT8 '5'
DOUBLE '5'
DOUBLE PRECISION '5'
REAL '5'
TEXT 'a'
VARCHAR 'a'
VARCHAR(5) 'a'
CHAR 'a'
CHAR(3) 'a'
BOOLEAN 'true'
BOOL 'true'
UUID '00000000-0000-0000-0000-000000000000'
JSON '{}'
JSONB '{}'
BYTEA 'a'
BLOB 'a'
YEAR '2024'
INTERVAL '1 day'
INTERVAL 1 DAY
INTERVAL '1' DAY
INTERVAL 'x'
d + INTERVAL '1 day'
d + INTERVAL 1 DAY
d + INTERVAL '1' DAY
INTERVAL 1 DAY + d
d - INTERVAL 1 MONTH
s + INTERVAL 1 HOUR
s + INTERVAL '1' HOUR
s + INTERVAL i DAY
d + 1
d - 1
1 + d
d - d
s - s
i == 1
i <=> 1
i <=> NULL
i IS DISTINCT FROM 1
i IS NOT DISTINCT FROM j
i IS 1
i IS j
i IS NOT 1
i IS TRUE
i IS NOT TRUE
i IS FALSE
i IS UNKNOWN
b IS TRUE
b IS NOT FALSE
b IS UNKNOWN
b IS NOT UNKNOWN
b IS 1
i ISNULL
i NOTNULL
i NOT NULL
i IS NOT NULL
i IS NULL IS NULL
i = 1 IS NULL
NOT i IS NULL
NOT i = 1
NOT i IN (1)
NOT b
!b
! b
!(i = 1)
i !< 1
i ^= 1
i ~= 1
i <> 1
i != 1
1 < i < 3
i = j = k
i DIV 2
i / 2
i // 2
i MOD 2
i % 2
mod(i, 2)
div(i, 2)
i XOR j
b XOR b
b && b
b || b
t || v
t || i
i || j
t || NULL
concat(t, v)
concat(t, NULL)
concat(t, i)
concat_ws('-', t, v)
i & 1
i | 1
i ^ 1
i # 1
i << 1
i >> 1
~i
- i
-(-i)
- -i
+i
i + + 1
i - - 1
i ** 2
power(i, 2)
i ~ '1'
t ~ 'a'
t ~* 'a'
t !~ 'a'
t ~~ 'a%'
t !~~ 'a%'
t ~~* 'a%'
t REGEXP 'a'
t RLIKE 'a'
t NOT REGEXP 'a'
REGEXP_LIKE(t, 'a')
t SIMILAR TO 'a%'
t LIKE 'a%'
t LIKE 'A%'
t LIKE 'a\%'
t LIKE 'a!%' ESCAPE '!'
t LIKE 'a%' ESCAPE ''
t LIKE 'a%' ESCAPE '\'
t LIKE NULL
t LIKE i
i LIKE '1%'
t LIKE BINARY 'a%'
t ILIKE 'A%'
t NOT ILIKE 'A%'
t GLOB 'a*'
t MATCH 'a'
t LIKE ANY (ARRAY['a%','b%'])
t LIKE ANY ('a%','b%')
t LIKE ALL ('a%','b%')
t IN ('a', 'b')
t IN ('a')
t IN ()
i IN (1, 2, NULL)
i NOT IN (1, NULL)
i IN (1, '2')
i IN ('1')
i IN (1.0)
i IN (1.5, 2)
i IN (TRUE)
t IN (1)
(i, j) IN ((1, 10), (2, 20))
(i, j) = (1, 10)
ROW(i, j) = ROW(1, 10)
(i, j) < (2, 20)
(i, j) IS NULL
i = ANY (ARRAY[1,2])
i = ANY ('{1,2}')
i = ANY (1, 2)
i = SOME (SELECT i FROM other)
i = ANY (SELECT i FROM other)
i <> ALL (SELECT i FROM other)
i > ALL (SELECT i FROM other WHERE FALSE)
i BETWEEN 1 AND 3
i BETWEEN 3 AND 1
i NOT BETWEEN 1 AND 3
i BETWEEN SYMMETRIC 3 AND 1
i BETWEEN ASYMMETRIC 1 AND 3
i BETWEEN 1 AND 3 AND j > 1
i BETWEEN (1) AND (3)
CASE i WHEN 1 THEN 'a' END
CASE i WHEN NULL THEN 'a' ELSE 'b' END
CASE WHEN i THEN 1 END
CASE WHEN b THEN 1 END
CASE WHEN b = 1 THEN 1 END
IF(b, 1, 2)
if(i > 1, 'a', 'b')
iif(i > 1, 1, 2)
ifnull(i, 0)
isnull(i)
isnull(i, 0)
nvl(i, 0)
nvl2(i, 1, 2)
coalesce(i)
coalesce(i, NULL)
coalesce(i, j, 0)
nullif(i, 1)
nullif(i, NULL)
nullif(1, i)
decode(i, 1, 'a', 'b')
greatest(i, j)
least(i, j)
greatest(i, NULL)
max(i, j)
min(i, j)
len(t)
length(t)
char_length(t)
character_length(t)
octet_length(t)
bit_length(t)
lower(t)
lcase(t)
upper(t)
ucase(t)
left(t, 2)
right(t, 2)
left(t, -1)
substr(t, 2)
substr(t, 2, 2)
substr(t, 0, 2)
substr(t, -2)
substring(t, 2)
substring(t, 2, 2)
substring(t FROM 2)
substring(t FROM 2 FOR 2)
substring(t FOR 2)
substring(t FROM 'a')
substring(t SIMILAR 'a' ESCAPE '#')
mid(t, 2, 2)
instr(t, 'a')
locate('a', t)
position('a' IN t)
strpos(t, 'a')
charindex('a', t)
trim(t)
trim('a' FROM t)
trim(BOTH 'a' FROM t)
trim(LEADING 'a' FROM t)
trim(TRAILING FROM t)
trim(BOTH FROM t)
trim(t, 'a')
trim(FROM t)
ltrim(t, 'a')
rtrim(t, 'a')
btrim(t, 'a')
ltrim(t)
overlay(t PLACING 'x' FROM 2)
overlay(t PLACING 'x' FROM 2 FOR 1)
replace(t, 'a', 'b')
translate(t, 'a', 'b')
repeat(t, 2)
replicate(t, 2)
reverse(t)
initcap(t)
lpad(t, 5)
lpad(t, 5, 'x')
rpad(t, 5)
rpad(t, 5, 'x')
ascii(t)
chr(65)
char(65)
ord(t)
unicode(t)
hex(t)
md5(t)
sha1(t)
space(2)
quote(t)
split_part(t, ' ', 1)
substring_index(t, ' ', 1)
string_to_array(t, ' ')
starts_with(t, 'a')
t ^@ 'a'
format('%s', t)
printf('%s', t)
abs(i)
sign(i)
ceil(n)
ceiling(n)
floor(n)
round(n)
round(n, 1)
round(n, -1)
round(f)
round(f, 1)
round(i, -1)
trunc(n)
trunc(n, 1)
truncate(n, 1)
sqrt(i)
cbrt(i)
exp(i)
ln(i)
log(i)
log(2, i)
log10(i)
log2(i)
pow(i, 2)
pi()
degrees(i)
sin(i)
date(s)
date(d)
time(s)
datetime(s)
year(d)
month(d)
day(d)
dayofmonth(d)
dayofweek(d)
weekday(d)
week(d)
quarter(d)
hour(s)
minute(s)
second(s)
extract(year FROM d)
extract(month FROM d)
extract(epoch FROM s)
extract(dow FROM d)
extract(week FROM d)
extract(quarter FROM d)
extract('year' FROM d)
date_part('year', d)
date_trunc('month', d)
date_trunc('month', s)
date_trunc(d, month)
trunc(d, 'month')
strftime('%Y', d)
date_format(d, '%Y')
to_char(d, 'YYYY')
to_date(t, 'YYYY')
str_to_date(t, '%Y')
julianday(d)
unixepoch(d)
unix_timestamp(d)
from_unixtime(i)
to_days(d)
last_day(d)
datediff(d, s)
date_add(d, INTERVAL 1 DAY)
date_sub(d, INTERVAL 1 DAY)
adddate(d, 1)
date_add(d, 1)
dateadd(day, 1, d)
timestampdiff(DAY, d, s)
timestampadd(DAY, 1, d)
age(s)
s AT TIME ZONE 'UTC'
make_date(2024, 1, 1)
makedate(2024, 1)
'a' 'b'
"a"
"t"
`t`
[t]
E'a\nb'
N'a'
$$a$$
_utf8'a'
_utf8mb4'a'
U&'a'
X'61'
x'61'
B'1'
0x61
0b1
0o7
1e3
.5
5.
1_000
'it''s'
'it\'s'
'a\\b'
'a
b'
TRUE
FALSE
UNKNOWN
NULL
T.id
tame.id
"sqlmem_testing_tame".id
main.sqlmem_testing_tame.id
ID
Id
"ID"
"id"
rowid
oid
ctid
_rowid_
xmin
tableoid
js -> 'a'
js ->> 'a'
js -> '$.a'
js ->> '$.a'
js #> '{a}'
js #>> '{a}'
js @> '{"a":1}'
js ? 'a'
js['a']
json_extract(js, '$.a')
json_value(js, '$.a')
jsonb_typeof(js)
json_type(js)
json_valid(t)
ARRAY[1,2]
ARRAY[i, j]
[1,2]
(1,2)
{a: 1}
a[1]
a[1:2]
count(*)
count(ALL i)
count(DISTINCT i)
count(DISTINCT i, j)
count(DISTINCT (i, j))
count(i, j)
count()
count(1)
count(NULL)
count(TRUE)
sum(ALL i)
sum(DISTINCT i)
sum(b)
sum(t)
sum(d)
avg(b)
avg(t)
min(b)
max(b)
max(t)
min(DISTINCT i)
total(i)
any_value(i)
every(b)
bool_and(b)
bool_or(b)
bit_and(i)
bit_or(i)
bit_xor(i)
stddev(i)
std(i)
variance(i)
var_pop(i)
median(i)
mode() WITHIN GROUP (ORDER BY i)
percentile_cont(0.5) WITHIN GROUP (ORDER BY i)
group_concat(t)
group_concat(t, ',')
group_concat(t SEPARATOR ',')
group_concat(DISTINCT t ORDER BY t)
string_agg(t, ',')
string_agg(t, ',' ORDER BY t)
listagg(t, ',')
array_agg(i)
json_agg(i)
json_arrayagg(i)
json_group_array(i)
json_object('a', i)
json_build_object('a', i)
count(*) FILTER (WHERE i > 1)
sum(i) FILTER (WHERE b)
count_if(i > 1)
countif(i > 1)
approx_count_distinct(i)
arg_max(i, j)
first(i)
row_number() OVER (ORDER BY id)
rank() OVER (ORDER BY i)
rank() OVER ()
dense_rank() OVER (PARTITION BY b ORDER BY i)
ntile(3) OVER (ORDER BY id)
ntile(0) OVER (ORDER BY id)
lag(i) OVER (ORDER BY id)
lag(i, 0) OVER (ORDER BY id)
lag(i, -1) OVER (ORDER BY id)
lag(i, 1, 0) OVER (ORDER BY id)
lag(i) IGNORE NULLS OVER (ORDER BY id)
lag(i IGNORE NULLS) OVER (ORDER BY id)
lag(i) RESPECT NULLS OVER (ORDER BY id)
first_value(i) OVER (ORDER BY id)
nth_value(i, 2) OVER (ORDER BY id)
nth_value(i, 2) FROM LAST OVER (ORDER BY id)
nth_value(i, 0) OVER (ORDER BY id)
sum(i) OVER (ORDER BY id ROWS 2 PRECEDING)
sum(i) OVER (ORDER BY id ROWS BETWEEN 2 FOLLOWING AND 1 FOLLOWING)
sum(i) OVER (ORDER BY id ROWS BETWEEN -1 PRECEDING AND CURRENT ROW)
sum(i) OVER (ORDER BY id RANGE BETWEEN 1 PRECEDING AND CURRENT ROW)
sum(i) OVER (ORDER BY id GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW)
sum(i) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE CURRENT ROW)
count(DISTINCT i) OVER ()
count(DISTINCT i) OVER (PARTITION BY b)
sum(DISTINCT i) OVER (PARTITION BY b)
sum(i) OVER w
sum(sum(i)) OVER ()
max(id) OVER (PARTITION BY b ORDER BY id) FILTER (WHERE i > 1)
max(id) FILTER (WHERE i > 1) OVER (PARTITION BY b)
t COLLATE NOCASE
t COLLATE "C"
t COLLATE utf8mb4_bin
t = 'Apple' COLLATE NOCASE
t = 'Apple' COLLATE utf8mb4_bin
t = 'APPLE'
v = 'APPLE'
v = 'apple '
t > 'b'
v > 'B'
t = v
t < v
t = i
i = '1'
i = '1.0'
i = ' 1'
i = 'a'
i > '1'
i = TRUE
i = 1.0
i = 1e0
n = 1.5
n = '1.5'
n = 1.50
n = 1.501
n = 'a'
n > 1e0
f = 0.1
f = '0.1'
f = 0.5
f > n
f = i
n = i
b = 1
b = TRUE
b = 't'
b = 'true'
b > FALSE
b = b
b = i
d = '2024-01-01'
d = '2024-1-1'
d = '20240101'
d = '2024-01-01 00:00:00'
d = 20240101
d = 'a'
d = s
d > '2024'
s = '2024-02-29 12:30'
s = '2024-02-29T12:30:00'
s = '2024-02-29 12:30:00.000'
s = '2024-02-29 12:30:00+00'
s > '2024-02-29'
s > '2024-02'
s = d
EXISTS (SELECT 1 FROM other)
EXISTS (SELECT 1 FROM other o WHERE o.i = sqlmem_testing_tame.i)
NOT EXISTS (SELECT 1 FROM other WHERE FALSE)
EXISTS (SELECT FROM other)
EXISTS (SELECT count(*) FROM other WHERE FALSE)
(SELECT max(i) FROM other)
(SELECT i FROM other LIMIT 1 OFFSET 100)
(SELECT i FROM other WHERE id = 1)
((SELECT max(i) FROM other))
i IN (SELECT i FROM other)
i NOT IN (SELECT i FROM other)
i IN (SELECT i FROM other UNION SELECT 7)
i IN (VALUES (1), (2))
i IN ((SELECT i FROM other LIMIT 1))
(i) IN ((1), (2))
i IN other
i = (1)
i = ((1))
(((i)))
(i) = 1
cast(:: AS int)
date
time
year
timestamp
text
user
session_user
current_user
value
values
key
row
""".strip().splitlines()

STATEMENTS = r"""
SELECT ALL id FROM tame
SELECT DISTINCT ALL id FROM tame
SELECT DISTINCTROW b FROM tame
SELECT UNIQUE b FROM tame
SELECT TOP 3 id FROM tame
SELECT id FROM tame ORDER BY id LIMIT 1, 2
SELECT id FROM tame ORDER BY id LIMIT 2 OFFSET 1
SELECT id FROM tame ORDER BY id OFFSET 1 LIMIT 2
SELECT id FROM tame ORDER BY id OFFSET 1
SELECT id FROM tame ORDER BY id OFFSET 1 ROW
SELECT id FROM tame ORDER BY id OFFSET 1 ROWS
SELECT id FROM tame ORDER BY id OFFSET 1 ROWS FETCH NEXT 2 ROWS ONLY
SELECT id FROM tame ORDER BY id FETCH FIRST ROW ONLY
SELECT id FROM tame ORDER BY id FETCH FIRST 2 ROWS ONLY
SELECT id FROM tame ORDER BY id FETCH FIRST 10 PERCENT ROWS ONLY
SELECT id FROM tame ORDER BY id LIMIT 2 PERCENT
SELECT id FROM tame ORDER BY id LIMIT ALL
SELECT id FROM tame ORDER BY id LIMIT NULL
SELECT id FROM tame ORDER BY id LIMIT -1
SELECT id FROM tame ORDER BY id LIMIT 1+1
SELECT id FROM tame ORDER BY id LIMIT (2)
SELECT id FROM tame ORDER BY id LIMIT '2'
SELECT id FROM tame ORDER BY id LIMIT 2.0
SELECT id FROM tame ORDER BY id LIMIT 1.5
SELECT id FROM tame ORDER BY id LIMIT 2e0
SELECT id FROM tame ORDER BY id LIMIT 0x2
SELECT id FROM tame ORDER BY id LIMIT TRUE
SELECT id FROM tame ORDER BY id LIMIT 2 OFFSET NULL
SELECT id FROM tame ORDER BY id LIMIT 2 OFFSET -1
SELECT id FROM tame ORDER BY id LIMIT cast(2 AS int)
SELECT id FROM tame ORDER BY id LIMIT (SELECT 2)
SELECT id FROM tame ORDER BY id LIMIT 99999999999999999999
SELECT id FROM tame ORDER BY id LIMIT 9223372036854775807 OFFSET 1
SELECT id FROM tame ORDER BY id LIMIT 2 WITH TIES
SELECT id FROM tame ORDER BY id LIMIT 2 BY b
SELECT id FROM tame LIMIT 0
SELECT b, count(*) AS n FROM tame GROUP BY ALL
SELECT b, count(*) AS n FROM tame GROUP BY DISTINCT b
SELECT b, count(*) AS n FROM tame GROUP BY (b)
SELECT b, count(*) AS n FROM tame GROUP BY ((b))
SELECT b, count(*) AS n FROM tame GROUP BY b, ()
SELECT count(*) AS n FROM tame GROUP BY ()
SELECT b, i, count(*) AS n FROM tame GROUP BY (b, i)
SELECT b, count(*) AS n FROM tame GROUP BY b ASC
SELECT b, count(*) AS n FROM tame GROUP BY b DESC
SELECT b, count(*) AS n FROM tame GROUP BY b WITH ROLLUP
SELECT b, count(*) AS n FROM tame GROUP BY b WITH CUBE
SELECT b, count(*) AS n FROM tame GROUP BY b WITH TOTALS
SELECT b, count(*) AS n FROM tame GROUP BY ROLLUP (b)
SELECT b, count(*) AS n FROM tame GROUP BY ROLLUP b
SELECT b, count(*) AS n FROM tame GROUP BY CUBE (b)
SELECT b, count(*) AS n FROM tame GROUP BY GROUPING SETS (b, ())
SELECT b, count(*) AS n FROM tame GROUP BY GROUPING SETS ((b), ())
SELECT grouping(b) AS g, b FROM tame GROUP BY ROLLUP (b)
SELECT grouping(b) AS g, b FROM tame GROUP BY b
SELECT b AS bb, count(*) AS n FROM tame GROUP BY bb HAVING bb IS NOT NULL
SELECT count(*) AS n FROM tame HAVING n > 1
SELECT count(*) AS n FROM tame HAVING count(*) > 1
SELECT 1 AS x FROM tame HAVING TRUE
SELECT 1 AS x FROM tame HAVING FALSE
SELECT id FROM tame HAVING id > 5
SELECT id FROM tame HAVING count(*) > 5
SELECT b, count(*) AS n FROM tame HAVING n > 1 GROUP BY b
SELECT id FROM tame QUALIFY row_number() OVER (ORDER BY id) = 1
SELECT id FROM tame ORDER BY ALL
SELECT id FROM tame ORDER BY id ASC DESC
SELECT id FROM tame ORDER BY id NULLS FIRST
SELECT i, id FROM tame ORDER BY i NULLS FIRST, id
SELECT i, id FROM tame ORDER BY i NULLS LAST, id
SELECT i, id FROM tame ORDER BY i DESC NULLS FIRST, id
SELECT i, id FROM tame ORDER BY i DESC NULLS LAST, id
SELECT i, id FROM tame ORDER BY i DESC, id
SELECT i, id FROM tame ORDER BY i IS NULL, i, id
SELECT i, id FROM tame ORDER BY i USING >, id
SELECT id FROM tame ORDER BY i COLLATE NOCASE, id
SELECT id FROM tame SORT BY id
SELECT id FROM tame CLUSTER BY id
SELECT id FROM tame DISTRIBUTE BY id
SELECT id FROM (tame)
SELECT id FROM ((tame))
SELECT id FROM ONLY tame
SELECT id FROM ONLY (sqlmem_testing_tame)
SELECT id FROM tame *
SELECT id FROM tame FINAL
SELECT id FROM tame INDEXED BY sqlmem_testing_tame_i
SELECT id FROM tame NOT INDEXED
SELECT id FROM tame USE INDEX (sqlmem_testing_tame_i)
SELECT id FROM tame FORCE INDEX (sqlmem_testing_tame_i) WHERE i = 1
SELECT id FROM tame IGNORE INDEX (sqlmem_testing_tame_i)
SELECT id FROM tame PARTITION (p0)
SELECT id FROM tame FOR SYSTEM_TIME AS OF '2024-01-01'
SELECT id FROM tame AS OF '2024-01-01'
SELECT id FROM tame WITH (NOLOCK)
SELECT id FROM tame t (a, b)
SELECT a FROM tame AS x (a, b)
SELECT x.id FROM tame AS x
SELECT x.id FROM tame x
SELECT "x".id FROM tame "x"
SELECT x.id FROM tame 'x'
SELECT x.id FROM tame AS 'x'
SELECT id FROM 'sqlmem_testing_tame'
SELECT id FROM "sqlmem_testing_tame"
SELECT id FROM `sqlmem_testing_tame`
SELECT id FROM [sqlmem_testing_tame]
SELECT id FROM SQLMEM_TESTING_TAME
SELECT id FROM main.sqlmem_testing_tame
SELECT id FROM public.sqlmem_testing_tame
SELECT id FROM elsewhere.sqlmem_testing_tame
SELECT id FROM elsewhere.public.sqlmem_testing_tame
SELECT id FROM ..sqlmem_testing_tame
SELECT id FROM tame;
SELECT id FROM tame;;
SELECT id /* c */ FROM tame
SELECT /*+ HINT */ id FROM tame
SELECT SQL_NO_CACHE id FROM tame
SELECT HIGH_PRIORITY id FROM tame
SELECT SQL_CALC_FOUND_ROWS id FROM tame LIMIT 1
SELECT STRAIGHT_JOIN id FROM tame
SELECT id, FROM tame
SELECT , id FROM tame
SELECT FROM tame
SELECT id id2 FROM tame
SELECT id AS "a b" FROM tame
SELECT id AS 'a b' FROM tame
SELECT id 'a b' FROM tame
SELECT id AS `a b` FROM tame
SELECT id AS [a b] FROM tame
SELECT id AS select FROM tame
SELECT id AS order FROM tame
SELECT id AS key FROM tame
SELECT id AS value FROM tame
SELECT id value FROM tame
SELECT id AS date FROM tame
SELECT id year FROM tame
SELECT id AS X FROM tame ORDER BY x
SELECT id AS x FROM tame ORDER BY "x"
SELECT id AS x FROM tame ORDER BY "X"
SELECT id AS x FROM tame ORDER BY x + 1
SELECT id AS x FROM tame ORDER BY -x
SELECT id AS x FROM tame ORDER BY (x) DESC
SELECT id AS i, i AS id FROM tame ORDER BY i, id
SELECT i AS id, id AS z FROM tame ORDER BY id, z
SELECT -id AS id FROM tame ORDER BY id
SELECT -id AS id FROM tame ORDER BY id + 0
SELECT -id AS id FROM tame ORDER BY tame.id
SELECT -id AS id FROM tame ORDER BY -id
SELECT i AS b, count(*) AS n FROM tame GROUP BY b
SELECT i + 1 AS i, count(*) AS n FROM tame GROUP BY i
SELECT i + 1 AS x, count(*) AS n FROM tame GROUP BY x
SELECT i + 1 AS i FROM tame WHERE i = 1
SELECT i + 1 AS x FROM tame WHERE x = 1
SELECT i AS x, x + 1 AS y FROM tame
SELECT id FROM tame WHERE
SELECT id FROM tame WHERE b
SELECT id FROM tame WHERE i
SELECT id FROM tame WHERE f
SELECT id FROM tame WHERE t
SELECT id FROM tame WHERE 1
SELECT id FROM tame WHERE 0
SELECT id FROM tame WHERE 'a'
SELECT id FROM tame WHERE '1'
SELECT id FROM tame WHERE i AND b
SELECT id FROM tame WHERE NOT i
SELECT id FROM tame WHERE i OR t
SELECT id FROM tame WHERE id = 1 ORDER BY id WHERE i = 1
FROM tame SELECT id
FROM tame
VALUES (1), (2)
VALUES (1, 'a'), (2, 'b') ORDER BY 1 DESC
SELECT column1 FROM (VALUES (1), (2)) AS v
SELECT a FROM (VALUES (1), (2)) AS v (a)
SELECT v.a FROM (SELECT id AS a FROM tame) v
SELECT a FROM (SELECT id AS a FROM tame)
SELECT a FROM (SELECT id FROM tame) AS v (a)
SELECT a FROM ((SELECT id AS a FROM tame)) AS v
SELECT id FROM tame UNION SELECT id FROM other
SELECT id FROM tame UNION DISTINCT SELECT id FROM other
SELECT id FROM tame UNION ALL SELECT id FROM other
SELECT id FROM tame UNION BY NAME SELECT id FROM other
SELECT id FROM tame EXCEPT SELECT id FROM other
SELECT id FROM tame EXCEPT DISTINCT SELECT id FROM other
SELECT id FROM tame EXCEPT ALL SELECT id FROM other
SELECT id FROM tame MINUS SELECT id FROM other
SELECT id FROM tame INTERSECT SELECT id FROM other
SELECT id FROM tame INTERSECT DISTINCT SELECT id FROM other
SELECT id FROM tame INTERSECT ALL SELECT id FROM other
(SELECT id FROM tame) UNION (SELECT id FROM other)
(SELECT id FROM tame ORDER BY id LIMIT 2) UNION ALL (SELECT id FROM other ORDER BY id LIMIT 1)
SELECT id FROM tame ORDER BY id LIMIT 2 UNION ALL SELECT id FROM other
SELECT id FROM tame UNION ALL SELECT id FROM other ORDER BY id LIMIT 3
SELECT id AS x FROM tame UNION ALL SELECT id AS y FROM other ORDER BY x
SELECT id AS x FROM tame UNION ALL SELECT id AS y FROM other ORDER BY y
SELECT id AS x FROM tame UNION ALL SELECT id FROM other ORDER BY id
SELECT id FROM tame UNION ALL SELECT id FROM other ORDER BY id + 1
SELECT id FROM tame UNION ALL SELECT id FROM other ORDER BY 1 DESC
SELECT i FROM tame UNION SELECT t FROM other
SELECT i FROM tame UNION SELECT n FROM other
SELECT i FROM tame UNION SELECT NULL
SELECT NULL UNION SELECT i FROM tame
SELECT i FROM tame UNION SELECT '1'
SELECT i FROM tame UNION SELECT 1.5
SELECT t FROM tame UNION SELECT 'x'
SELECT d FROM tame UNION SELECT '2024-01-01'
SELECT 1 AS x FROM tame UNION SELECT i FROM other
WITH c AS (SELECT id FROM tame) SELECT id FROM c
WITH c (x) AS (SELECT id FROM tame) SELECT x FROM c
WITH c (x, y) AS (SELECT id FROM tame) SELECT x FROM c
WITH c AS (SELECT id FROM tame), c AS (SELECT i FROM other) SELECT id FROM c
WITH c AS (SELECT id FROM tame), e AS (SELECT id FROM c WHERE id > 2) SELECT count(*) AS n FROM e
WITH c AS MATERIALIZED (SELECT id FROM tame) SELECT id FROM c
WITH c AS NOT MATERIALIZED (SELECT id FROM tame) SELECT id FROM c
WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 5) SELECT n FROM c
WITH RECURSIVE c AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM c WHERE n < 5) SELECT n FROM c
WITH c AS (SELECT id FROM tame) SELECT id FROM C
WITH "C" AS (SELECT id FROM tame) SELECT id FROM c
WITH tame AS (SELECT id FROM other) SELECT id FROM tame
WITH c AS (SELECT id FROM tame) SELECT id FROM c ORDER BY id LIMIT 2
SELECT id FROM tame WHERE id IN (WITH c AS (SELECT id FROM other) SELECT id FROM c)
SELECT id FROM tame WINDOW w AS (ORDER BY id)
SELECT id, sum(i) OVER w AS x FROM tame WINDOW w AS (ORDER BY id)
SELECT id, sum(i) OVER (w) AS x FROM tame WINDOW w AS (ORDER BY id)
SELECT id, sum(i) OVER (w ROWS 1 PRECEDING) AS x FROM tame WINDOW w AS (ORDER BY id)
SELECT id, sum(i) OVER (w ORDER BY id) AS x FROM tame WINDOW w AS (PARTITION BY b)
SELECT id, sum(i) OVER W AS x FROM tame WINDOW w AS (ORDER BY id)
SELECT DISTINCT ON (b) b, id FROM tame ORDER BY b, id
SELECT DISTINCT ON (b) b, id FROM tame ORDER BY id
SELECT DISTINCT (b), i FROM tame
SELECT DISTINCT b FROM tame ORDER BY i
SELECT DISTINCT b AS x FROM tame ORDER BY b
SELECT DISTINCT i + 1 AS x FROM tame ORDER BY i + 1
SELECT (id, i) FROM tame
SELECT ROW(id, i) FROM tame
SELECT sqlmem_testing_tame FROM tame
SELECT t0 FROM tame t0
SELECT t0.t0 FROM tame t0
SELECT id FROM tame t0 WHERE sqlmem_testing_tame.id = 1
SELECT t FROM tame t
SELECT t.t FROM tame t
SELECT id FROM tame FETCH FIRST 1 ROW WITH TIES
SELECT id FROM tame PREWHERE i = 1
SELECT id FROM tame PIVOT (count(i) FOR b IN (1))
SELECT id FROM tame LATERAL VIEW explode(a) x AS y
SELECT id EXCLUDE (x) FROM tame
SELECT id FROM tame START WITH id = 1 CONNECT BY PRIOR id = i
SELECT id FROM tame SETTINGS x = 1
SELECT id FROM tame FORMAT JSON
SELECT PRIOR id FROM tame
SELECT id FROM tame WHERE (i = 1
SELECT id FROM tame WHERE i = 1)
SELECT (id FROM tame
SELECT id) FROM tame
SELECT id FROM tame WHERE i = = 1
SELECT id FROM tame WHERE i 1
SELECT id FROM tame WHERE AND i = 1
SELECT id FROM tame WHERE i = 1 AND
SELECT id FROM tame WHERE i IN 1
SELECT id FROM tame WHERE i LIKE
SELECT id FROM tame GROUP id
SELECT id FROM tame ORDER id
SELECT id FROM tame GROUP BY
SELECT id FROM tame ORDER BY
SELECT id FROM tame LIMIT
SELECT CASE END FROM tame
SELECT CASE WHEN TRUE END FROM tame
SELECT CASE ELSE 1 END FROM tame
SELECT CASE i WHEN 1 THEN 2 ELSE 3 END CASE FROM tame
SELECT count(DISTINCT) FROM tame
SELECT count(*, 1) FROM tame
SELECT sum(*) FROM tame
SELECT max(*) FROM tame
SELECT lower() FROM tame
SELECT coalesce() FROM tame
SELECT id..i FROM tame
SELECT id FROM tame WHERE id = 1 OR
SELECT b, id FROM tame ORDER BY -1, id
SELECT b, id FROM tame ORDER BY +1, id
SELECT b, id FROM tame ORDER BY + 2
SELECT b, id FROM tame ORDER BY - 2, id
SELECT b, id FROM tame ORDER BY - -2
SELECT b, id FROM tame ORDER BY -(-2)
SELECT b, id FROM tame ORDER BY -(2), id
SELECT b, id FROM tame ORDER BY (2)
SELECT b, id FROM tame ORDER BY ((2)) DESC
SELECT b, id FROM tame ORDER BY (+2)
SELECT b, id FROM tame ORDER BY ~1, id
SELECT b, id FROM tame ORDER BY NOT 1, id
SELECT b, id FROM tame ORDER BY 0, id
SELECT b, id FROM tame ORDER BY 3, id
SELECT b, id FROM tame ORDER BY 1.0, id
SELECT b, id FROM tame ORDER BY 2., id
SELECT b, id FROM tame ORDER BY 1e0, id
SELECT b, id FROM tame ORDER BY -1.5, id
SELECT b, id FROM tame ORDER BY 1+1, id
SELECT b, id FROM tame ORDER BY (1)+1, id
SELECT b, id FROM tame ORDER BY 0x2
SELECT b, id FROM tame ORDER BY TRUE, id
SELECT b, id FROM tame ORDER BY FALSE, id
SELECT b, id FROM tame ORDER BY NULL, id
SELECT b, id FROM tame ORDER BY (NULL), id
SELECT b, id FROM tame ORDER BY 'x', id
SELECT b, id FROM tame ORDER BY '1', id
SELECT b, id FROM tame ORDER BY ('1'), id
SELECT b, id FROM tame ORDER BY -'1', id
SELECT b, id FROM tame ORDER BY (1=1), id
SELECT b, id FROM tame ORDER BY CASE WHEN TRUE THEN 1 END, id
SELECT b, id FROM tame ORDER BY (SELECT 1), id
SELECT b, id FROM tame ORDER BY cast(1 AS integer), id
SELECT b, id FROM tame ORDER BY 99999999999, id
SELECT b, id FROM tame ORDER BY DATE '2024-01-01', id
SELECT b, id FROM tame ORDER BY 2 COLLATE "C"
SELECT b, id FROM tame ORDER BY 2 COLLATE NOCASE
SELECT count(*) AS n FROM tame GROUP BY -1
SELECT count(*) AS n FROM tame GROUP BY +1
SELECT b, count(*) AS n FROM tame GROUP BY +1
SELECT b, count(*) AS n FROM tame GROUP BY (1)
SELECT b, count(*) AS n FROM tame GROUP BY - -1
SELECT b, count(*) AS n FROM tame GROUP BY -(-1)
SELECT count(*) AS n FROM tame GROUP BY TRUE
SELECT count(*) AS n FROM tame GROUP BY FALSE
SELECT count(*) AS n FROM tame GROUP BY NULL
SELECT count(*) AS n FROM tame GROUP BY (NULL)
SELECT count(*) AS n FROM tame GROUP BY 'x'
SELECT count(*) AS n FROM tame GROUP BY 1.0
SELECT count(*) AS n FROM tame GROUP BY -1.5
SELECT count(*) AS n FROM tame GROUP BY 1+1
SELECT count(*) AS n FROM tame GROUP BY (1=1)
SELECT count(*) AS n FROM tame GROUP BY 1
SELECT count(*) AS n FROM tame GROUP BY 2
SELECT count(*) AS n FROM tame GROUP BY 0
SELECT count(*) AS n FROM tame GROUP BY CASE WHEN TRUE THEN 1 END
SELECT count(*) AS n FROM tame GROUP BY DATE '2024-01-01'
SELECT TRUE AS x0 FROM other GROUP BY TRUE
SELECT TRUE AS x0 FROM other GROUP BY 1
SELECT TRUE AS x0 FROM other GROUP BY x0
SELECT NULL AS x0 FROM other GROUP BY x0
SELECT 1 AS x0 FROM other GROUP BY x0
SELECT -1 AS x0 FROM other GROUP BY x0
SELECT -1 AS x0 FROM other GROUP BY 1
SELECT 2 AS x0, count(*) AS n FROM other GROUP BY 1
SELECT 'a' AS x0, count(*) AS n FROM other GROUP BY 1
SELECT 'a' AS x0, count(*) AS n FROM other GROUP BY x0
SELECT id, -1 AS x FROM tame ORDER BY x, id
SELECT id, 1 AS x FROM tame ORDER BY x, id DESC
SELECT id, 2 AS x FROM tame ORDER BY 2, id DESC
SELECT id, TRUE AS x FROM tame ORDER BY x, id DESC
SELECT i FROM tame UNION SELECT i FROM other ORDER BY -1
SELECT i FROM tame UNION SELECT i FROM other ORDER BY +1
SELECT i FROM tame UNION SELECT i FROM other ORDER BY (1)
SELECT i FROM tame UNION SELECT i FROM other ORDER BY - -1
SELECT i FROM tame UNION SELECT i FROM other ORDER BY TRUE
SELECT id, row_number() OVER (ORDER BY -1, id) AS x FROM tame
SELECT id, row_number() OVER (ORDER BY 1, id) AS x FROM tame
SELECT id, row_number() OVER (ORDER BY (1), id) AS x FROM tame
SELECT id, row_number() OVER (ORDER BY 'x', id) AS x FROM tame
SELECT id, row_number() OVER (ORDER BY TRUE, id) AS x FROM tame
SELECT id, row_number() OVER (ORDER BY NULL, id) AS x FROM tame
SELECT id, row_number() OVER (PARTITION BY 1 ORDER BY id) AS x FROM tame
SELECT id, row_number() OVER (PARTITION BY -1 ORDER BY id) AS x FROM tame
SELECT id, row_number() OVER (PARTITION BY TRUE ORDER BY id) AS x FROM tame
SELECT id, row_number() OVER (PARTITION BY NULL ORDER BY id) AS x FROM tame
SELECT id, row_number() OVER (PARTITION BY 'x' ORDER BY id) AS x FROM tame
SELECT id, count(*) OVER (ORDER BY -1) AS x FROM tame
SELECT id, count(*) OVER (ORDER BY TRUE) AS x FROM tame
SELECT DISTINCT ON (1) b, id FROM tame ORDER BY 1, id
SELECT DISTINCT ON (-1) b, id FROM tame ORDER BY -1, id
SELECT DISTINCT ON ((1)) b, id FROM tame ORDER BY (1), id
SELECT DISTINCT ON (TRUE) b, id FROM tame ORDER BY id
SELECT DISTINCT b FROM tame ORDER BY -1
SELECT DISTINCT b FROM tame ORDER BY (1)
SELECT DISTINCT b FROM tame ORDER BY TRUE
SELECT group_concat(t ORDER BY -1) FROM tame
SELECT string_agg(t, ',' ORDER BY -1) FROM tame
SELECT array_agg(i ORDER BY 1, id) FROM tame
SELECT b, id FROM (SELECT b, id FROM tame ORDER BY -1) AS c ORDER BY id
SELECT id FROM tame WHERE id IN (SELECT id FROM other ORDER BY -1)
SELECT b, count(*) AS n FROM tame GROUP BY ROLLUP (1)
SELECT b, count(*) AS n FROM tame GROUP BY ROLLUP (-1)
SELECT b, count(*) AS n FROM tame GROUP BY 1 WITH ROLLUP
SELECT b, count(*) AS n FROM tame GROUP BY -1 WITH ROLLUP
SELECT b, count(*) AS n FROM tame GROUP BY GROUPING SETS ((1), ())
SELECT b, id FROM tame ORDER BY - 1, id
SELECT b, id FROM tame ORDER BY likely(2), id
SELECT b, id FROM tame ORDER BY (-1), id
SELECT b, id FROM tame ORDER BY (- -(2))
SELECT b, id FROM tame ORDER BY !1, id
SELECT b, id FROM tame ORDER BY X'01', id
SELECT b, id FROM tame ORDER BY b'1', id
SELECT b, id FROM tame ORDER BY (2) DESC
SELECT b, id FROM tame ORDER BY 0x2 DESC
SELECT b, id FROM tame ORDER BY 2 COLLATE NOCASE DESC
SELECT b, id FROM tame ORDER BY likely(2) DESC
SELECT b, id FROM tame ORDER BY -(-2) DESC
SELECT t AS y, TRUE AS x, max(i) AS m FROM tame GROUP BY x
SELECT i AS y, TRUE AS x FROM tame GROUP BY x
SELECT t AS y, TRUE AS x, count(*) AS m FROM tame GROUP BY t, x
SELECT t AS y, FALSE AS x, count(*) AS m FROM tame GROUP BY t, x
SELECT t AS y, TRUE AS x, count(*) AS m FROM tame GROUP BY t, TRUE
SELECT id AS y, cast(1 AS integer) AS x FROM tame GROUP BY x
SELECT max(id) AS y, cast(1 AS integer) AS x FROM tame GROUP BY x
SELECT i 'x' FROM tame
SELECT i x FROM tame ORDER BY x
SELECT d date FROM tame
SELECT d AS date FROM tame ORDER BY date
SELECT coalesce(u, '6ba7b810-9dad-11d1-80b4-00c04fd430c8') AS x FROM other
SELECT coalesce(u, cast('6ba7b810-9dad-11d1-80b4-00c04fd430c8' AS uuid)) AS x FROM other
SELECT CASE WHEN i > 1 THEN u END AS x FROM other
SELECT CASE WHEN i > 1 THEN u ELSE '6ba7b810-9dad-11d1-80b4-00c04fd430c8' END AS x FROM other
SELECT coalesce(z, '2024-01-01') AS x FROM tame
SELECT cast('x' AS bytea) AS x FROM tame
SELECT cast('{}' AS json) AS x FROM tame
SELECT cast('{}' AS jsonb) AS x FROM tame
SELECT coalesce(js, '{}') AS x FROM tame
SELECT cast('2024-01-01' AS timestamptz) AS x FROM tame
SELECT cast('2024-01-01 00:00+01' AS timestamptz) AS x FROM tame
SELECT max(u) AS x FROM other
SELECT min(u) AS x FROM other
SELECT nullif(u, '6ba7b810-9dad-11d1-80b4-00c04fd430c8') AS x FROM other
SELECT lag(u) OVER (ORDER BY id) AS x FROM other
SELECT lag(u, 1, '6ba7b810-9dad-11d1-80b4-00c04fd430c8') OVER (ORDER BY id) AS x FROM other
SELECT greatest(u, '6ba7b810-9dad-11d1-80b4-00c04fd430c8') AS x FROM other
SELECT greatest(z, '2024-01-01 00:00+01') AS x FROM tame
SELECT max(z) AS x FROM tame
SELECT u FROM other UNION SELECT '6ba7b810-9dad-11d1-80b4-00c04fd430c8'
SELECT (SELECT max(u) FROM other) AS x FROM tame
SELECT (SELECT u FROM other WHERE id = 1) AS x FROM tame
SELECT coalesce(y1, 'a') AS x, id FROM wild
SELECT CASE WHEN id > 1 THEN y1 END AS x FROM wild
SELECT max(y1) AS x FROM wild
SELECT b'1' AS x FROM tame
""".strip().splitlines()

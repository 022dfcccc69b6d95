"""What PostgreSQL computes beside the rest: templates, see `sqlmem.testing.productions`."""

from __future__ import annotations

EXPRESSIONS = {
    "bool": """
        3| {text} {not}ILIKE {pattern}
        {text} ~ {regexp}
        {text} !~* {regexp}
        {text!} {not}SIMILAR TO {pattern}
        {anything!} IS {not}DISTINCT FROM {anything!}
        {int} IS {not}DISTINCT FROM {int}
        {text!} = ANY (ARRAY[{text?}, {text?}])
        {int!} = ANY ({ints})
        {int!} <> ALL (ARRAY[{int?}, {int?}])
        {ints} @> {ints}
        {tstz} {cmp} {tstz}
        {uuid} {cmp} {uuid}
        {enum} {cmp} {enum}
        {char} {cmp} {char}
        {char} = {text}
        {bytes} {cmp} {bytes}
        {time} {cmp} {time}
        {interval} {cmp} {interval}
        {interval} {cmp} {interval?}
        2| {ts} {cmp} ({ts?} - {interval?})
        {tstz} {cmp} ({tstz?} - {interval?})
        ({ts!} - {ts?}) {cmp} {interval?}
        to_char({ts!}, 'YYYY-MM') = {text?}
        {json_key} IS NULL
        {jsonb} @> '{"a": 1}'
        {jsonb} ? 'a'
        {jsonb} = {jsonb}
        {float!} = 'NaN'
        2| {int} {not}IN {int_query}
        {text} {not}IN {text_query}
        2| {same}
        {num} {not}IN {num_query}
        2| {not}EXISTS {exists_query}
        {int} {cmp} {int_scalar}
        {text} {cmp} {text_scalar}
        {int!} = ANY {int_query}
        2| {list}
        {int!} IN ({int}, {int})
        ({int!}, {text!}) = ({int?}, {text?})
        starts_with({text}, {text?})
        {text} {cmp} {text} COLLATE "C"
        isfinite({date!})
        ({date!}, {date!}) OVERLAPS ({date?}, {date?})
    """,
    "form": """
        ~'YYYY-MM'
        ~'FMMonth DD, IYYY IW'
        ~'HH12:MI:SS.US'
        ~'Dy Q DDD WW'
    """,
    "regexp": """
        ~'^a'
        ~'[A-Z]'
        ~'e$'
        ~'.*'
    """,
    "int": """
        char_length({text})
        octet_length({text})
        position({text?} IN {text})
        strpos({text}, {text?})
        ascii({text})
        mod({int}, {int})
        sign({int})
        greatest({int}, {int})
        least({int}, {int?})
        ({int} & {int})
        ({int} | {int?})
        {int!}::bigint
        cast({text!} AS integer)
        {num}::int
        {float}::int
        {bool!}::int
        extract(year FROM {date})::int
        ({date} - {date})
        ({date!} - {date?})
        cardinality({ints})
        array_length({ints}, 1)
        ({ints})[1]
        ({jsonb} ->> 'a')::int
        jsonb_array_length({jsonb})
        {int_scalar}
        width_bucket({num}, 0, 10, 5)
        gcd({int}, {int})
        ({int} # {int})
        (~ {int!})
        ({int} << 1)
        div({int}, {int})::int
    """,
    "num": """
        extract({field} FROM {ts})
        extract({field} FROM {date})
        extract(epoch FROM {ts})
        floor({num})
        ceil({num})
        trunc({num})
        trunc({num}, {digits})
        round({num} / 3, {digits})
        power({num}, 2)
        sqrt({num})
        mod({num}, {num})
        sign({num})
        greatest({num}, {num})
        least({num}, {int})
        {num}::numeric(12,1)
        {int}::numeric
        {text!}::numeric
        {num_scalar}
        div({num}, {num})
        exp({num!} / 100)
        ln({num})
        to_number({text}, '999')
        {num} ^ 2
        trim_scale({num})
    """,
    "float": """
        sqrt({int})
        power({float}, 2)
        floor({float})
        ceil({float})
        trunc({float})
        {int}::float8
        {num}::float8
        {float}::real
        greatest({float}, {float})
        date_part('year', {ts})
        ({float} - {float!})
        sign({float})
        cbrt({float})
        ln({float})
        degrees({float})
        sin({float})
    """,
    "text": """
        2| ({text} || {text})
        ({text} || {text?})
        ({text} || {int})
        concat({text}, {anything}, {text?})
        concat_ws('-', {text}, {text})
        2| substring({text}, {position}, 2)
        2| substr({text}, {position})
        substring({text} FROM 2 FOR 3)
        substring({text} FROM {regexp})
        2| left({text}, {position})
        right({text}, {position})
        lpad({text}, 8, '*')
        rpad({text}, 3)
        reverse({text})
        2| initcap({text})
        repeat({text}, 2)
        btrim({text}, 'a')
        trim(LEADING 'a' FROM {text})
        trim(BOTH FROM {text})
        split_part({text}, ' ', 1)
        translate({text}, 'ae', 'xy')
        regexp_replace({text}, 'a', 'b', 'g')
        md5({text})
        to_char({ts}, 'YYYY-MM-DD HH24:MI')
        to_char({ts!}, {form})
        to_char({date!}, 'FMDay DD.MM.YYYY')
        to_char({num}, 'FM999.00')
        to_char({int}, '0000')
        {int}::text
        {num}::text
        {date}::text
        {bool!}::text
        {anything!}::text
        {text}::varchar(3)
        ({jsonb} ->> 'b')
        {json_key}
        greatest({text}, {text})
        least({text}, {text})
        quote_literal({text})
        format('%s-%s', {text}, {int})
        overlay({text} PLACING 'x' FROM 1 FOR 1)
        array_to_string({ints}, ',')
        encode({bytes}, 'hex')
        chr({int!})
        {text_scalar}
        to_hex({int})
        normalize({text})
    """,
    "date": """
        {ts}::date
        ({date} + {int})
        ({date} - {int!})
        ({date!} + {int?})
        ({int!} + {date!})
        date_trunc('month', {date})::date
        greatest({date}, {date})
        make_date({int!}, 1, 1)
        {text!}::date
        to_date({text}, 'YYYY-MM-DD')
    """,
    "ts": """
        2| date_trunc({unit}, {ts})
        ({ts} + {interval})
        ({ts!} + {interval?})
        ({date!} - {interval?})
        ({ts!} - interval '1 day' * {int?})
        ({ts!} + interval '1 year 2 months')
        (interval '36 hours' + {date!})
        ({date} + interval '1 month')
        ({ts} - interval '1 day')
        {date}::timestamp
        least({ts}, {ts})
        ({tstz} AT TIME ZONE 'Europe/Berlin')
        {ts}::timestamp(0)
    """,
    "tstz": """
        date_trunc({unit}, {tstz})
        ({ts} AT TIME ZONE 'Europe/Berlin')
        {ts}::timestamptz
        ({tstz} + {interval})
        ({tstz!} - {interval?})
    """,
    "interval": """
        ({ts} - {ts})
        ({ts!} - {ts?})
        ({ts!} - {date!})
        ({tstz!} - {tstz!})
        age({ts}, {ts})
        ({interval} * 2)
        justify_days({interval})
        make_interval(days => {int!})
    """,
    "field": """
        year
        month
        day
        hour
        minute
        second
        dow
        doy
        quarter
        week
        isodow
        microseconds
    """,
    "unit": """
        ~'year'
        ~'month'
        ~'day'
        ~'hour'
        ~'week'
        ~'second'
        ~'quarter'
    """,
    "json_key": """
        ({jsonb} -> 'a')
        ({jsonb} -> 'b')
        ({jsonb} ->> 'a')
        ({jsonb} #>> '{a,b}')
        ({json} -> 'a')
        ({json} ->> 'b')
        ({jsonb} -> 0)
        jsonb_typeof({jsonb})
    """,
    "int_type": """
        integer
        bigint
        smallint
    """,
    "num_type": """
        numeric(12,2)
        numeric
        numeric(20,5)
        decimal(6,1)
    """,
    "text_type": """
        text
        varchar
        varchar(4)
        char(3)
    """,
    "item": """
        {json_key}
        json_build_object('k', {key!}, 'n', {int}, 't', {text!})
        jsonb_build_object('kk', {key!}, 'n', {num!}, 'a', 'x')
        ARRAY[{int!}, {int!}]
        {tstz}
        {interval}
        {ints}
        {bytes!}
        {char!}
        date_trunc({unit}, {ts})
        ({text!} COLLATE "C")
    """,
    "key": """
        date_trunc({unit}, {ts!})
        extract({field} FROM {date!})
        {ts!}::date
        left({only_text!}, 1)
        {only_int!} % 3
        ({jsonb!} ->> 'b')
        initcap({only_text!})
    """,
    "counted": """
        count(*)
        count({anything!})
        sum({int!})
    """,
    "agg": """
        2| count(*) FILTER (WHERE {bool})
        sum({int!}) FILTER (WHERE {bool})
        max({key!}) FILTER (WHERE {bool})
        bool_and({bool!})
        bool_or({bool})
        every({bool!})
        string_agg({text!}, ',' ORDER BY {id})
        string_agg({text}, '; ' ORDER BY {key!} {direction}, {id})
        string_agg(DISTINCT {text!}, '' ORDER BY {text!})
        array_agg({int!} ORDER BY {id})
        2| array_agg({key!} ORDER BY {key!} {direction}, {id})
        array_agg({int!} ORDER BY {int!})
        json_agg({key!} ORDER BY {id})
        json_agg(json_build_object('a', {key!}, 'b', {text!}) ORDER BY {id} DESC)
        jsonb_agg({int!} ORDER BY {id})
        stddev({int!})
        variance({num!})
        var_pop({int!})
        stddev_pop({num!})
        var_samp({int})
        bit_and({int!})
        bit_or({int!})
        bit_xor({int!})
        percentile_cont(0.5) WITHIN GROUP (ORDER BY {int!})
        percentile_cont(0.3) WITHIN GROUP (ORDER BY {number} {direction})
        percentile_disc(0.5) WITHIN GROUP (ORDER BY {key!} {direction})
        percentile_disc({float?}) WITHIN GROUP (ORDER BY {int!})
        mode() WITHIN GROUP (ORDER BY {int!})
        mode() WITHIN GROUP (ORDER BY {key!})
        max({enum!})
        min({char!})
        max({tstz!})
        corr({float!}, {float!})
        (array_agg({anything!} ORDER BY {id}))[1]
    """,
    "window": """
        lag({int!} * 2, 1, {int?}) OVER ({partition}{total})
        count(*) FILTER (WHERE {bool}) OVER ({partition}{total})
        sum({int!}) OVER ({partition}{total} GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW)
        sum({int!}) OVER ({partition}{total} ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW)
        bool_or({bool!}) OVER (PARTITION BY {key!})
    """,
    "failing": """
        substring({text?}, {edge?}, {edge?})
        left({text?}, {edge?})
        repeat({text?}, {edge?})
        lpad({text?}, {edge?})
        split_part('a b', ' ', {edge?})
        chr({edge?})
        ({date?} + {edge?})
        (date '2024-02-29' + {edge?})
        ({ts?} + {interval?})
        (timestamp '2024-02-29' - interval '1 month' * {edge?})
        to_char({ts?}, {form})
        to_date({text?}, 'YYYY-MM-DD')
        make_date({edge?}, {edge?}, 1)
        {text?}::json
        {text?}::jsonb
        {text?}::date
        {text?}::int[]
        (ARRAY[{edge?}])[{edge?}]
        {text?} LIKE {text?}
        'abc' LIKE {pattern}
        ({text?} || 'x') LIKE 'a{text_end}'
    """,
    "text_end": r"""
        ~%~
        ~\~
        ~\\~
    """,
    "failing_number": """
        sqrt({edge?})
        sqrt({num?})
        ln({edge?})
        exp({edge?})
        power({edge?}, {edge?})
        mod({edge?}, {edge?})
        round({num?}, {edge?})
        {edge?}::smallint
        ({edge?} + {edge?})::smallint
        {huge?}::real
        {huge?}::int
        ({edge?} << {edge?})
        length(repeat('ab', {edge?}))
        ({date?} - {date?})
        {text?}::int
        {bool?}::int
        factorial({edge?})
        gcd({edge?}, {edge?})
    """,
    "volatile": """
        now()
        random()
        current_date
        clock_timestamp()
        current_user
        gen_random_uuid()
    """,
}

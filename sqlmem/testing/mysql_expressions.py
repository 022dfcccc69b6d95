"""What MariaDB and MySQL compute beside the rest: templates, see `sqlmem.testing.productions`."""

from __future__ import annotations

EXPRESSIONS = {
    "bool": """
        {text} {not}REGEXP {regexp}
        {text} {not}RLIKE {regexp}
        {anything!} <=> {anything!}
        {int} <=> {int?}
        {text} LIKE BINARY {pattern}
        {text!} {cmp} {text?} COLLATE utf8mb4_bin
        {stamp} {cmp} {ts}
        {stamp} {cmp} {stamp}
        {uuid} {cmp} {uuid}
        {enum} {cmp} {enum}
        {enum!} {cmp} {int?}
        {char} {cmp} {char}
        {char} = {text}
        {bytes} {cmp} {bytes}
        {time} {cmp} {time}
        2| {time} {cmp} {time?}
        {time!} {not}IN ({time?}, {time?})
        {time!} {not}BETWEEN {time?} AND {time?}
        2| {ts} {cmp} ({ts?} - INTERVAL {int?} DAY)
        {date} {cmp} ({date?} + INTERVAL {int?} {unit})
        lower({text}) = lower({text?})
        BINARY {text!} = {text?}
        {year} {cmp} {int}
        {json_key} IS NULL
        {text} {cmp} {int}
        {int} {cmp} {text?}
        {float!} = {text?}
        {bool!} {cmp} {int?}
        {ts!} {cmp} {date?}
        {bit} {cmp} {int?}
        find_in_set('a', {set})
        json_contains({json}, '1', '$.a')
        ({bool} XOR {bool})
        ({bool} && {bool})
        2| {int} {not}IN {int_query}
        {text} {not}IN {text_query}
        2| {same}
        {num} {not}IN {num_query}
        2| {not}EXISTS {exists_query}
        {int} {cmp} {int_scalar}
        {text} {cmp} {text_scalar}
        {int!} = ANY {int_query}
        {int!} > ALL {int_query}
        2| {list}
        {int!} IN ({int}, {int})
        ({int!}, {text!}) = ({int?}, {text?})
        {int} IS {not}UNKNOWN
        isnull({anything!})
        {int}
    """,
    "failing": """
        substring({text?}, {edge?}, {edge?})
        left({text?}, {edge?})
        repeat({text?}, {edge?} % 100)
        lpad({text?}, {edge?} % 100, 'x')
        ({ts?} + INTERVAL {edge?} DAY)
        ({date?} - INTERVAL {edge?} MONTH)
        json_extract({text?}, '$.a')
        {text?} LIKE {text?}
    """,
    "failing_number": """
        ({edge?} DIV {edge?})
        mod({edge?}, {edge?})
        exp({edge?})
        pow({edge?}, {edge?})
        round({num?}, {edge?})
        cast({edge?} AS UNSIGNED)
        ({edge?} - {edge?}) * {edge?}
        floor({num?})
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
        locate({text?}, {text})
        instr({text}, {text?})
        ascii({text})
        ord({text})
        mod({int}, {int})
        2| ({int} DIV {int})
        ({int} MOD {int?})
        sign({number})
        greatest({int}, {int})
        least({int}, {int?})
        ({int} & {int})
        ({int} | {int?})
        ({int} ^ {int})
        ~ {int!}
        ({int} << 1)
        cast({text!} AS signed)
        cast({int} AS unsigned)
        ifnull({int}, {int?})
        if({bool}, {int}, {int})
        2| year({date})
        month({ts})
        day({date})
        hour({ts})
        minute({ts})
        second({ts})
        microsecond({ts})
        dayofweek({date})
        dayofyear({date})
        week({date})
        weekday({date})
        quarter({date})
        extract({field} FROM {ts})
        extract({field} FROM {date})
        2| datediff({date}, {date})
        to_days({date})
        timestampdiff(DAY, {ts}, {ts})
        unix_timestamp({date})
        json_extract({json}, '$.a')
        json_length({json})
        json_value({json}, '$.a')
        {int_scalar}
        floor({num})
        ceil({num})
        {bool!} + 1
        ({text!} + 0)
        {enum!} + 0
        {year} + 0
        field({text!}, {text?}, {text?})
        crc32({text!})
        bit_count({int!})
        interval({int!}, 1, 3, 5)
        cast({ts} AS signed)
        ({int!} = {int?}) + ({text!} = {text?})
    """,
    "num": """
        truncate({num}, {digits})
        round({num} / 3, {digits})
        power({num}, 2)
        sqrt({num})
        mod({num}, {num})
        greatest({num}, {num})
        least({num}, {int})
        ({int} / {int})
        ({num} / 3)
        ({num} * 1.1)
        ifnull({num}, {num?})
        if({bool}, {num}, {num?})
        cast({text!} AS decimal(10,2))
        {num_scalar}
        {stamp} + 0
        exp({num!} / 100)
        ln({num})
        convert({num}, decimal(12,3))
        format({num}, 2) + 0
    """,
    "float": """
        sqrt({int})
        power({float}, 2)
        floor({float})
        ceil({float})
        truncate({float}, {digits})
        cast({int} AS double)
        cast({num} AS double)
        cast({float} AS float)
        greatest({float}, {float})
        ifnull({float}, {float?})
        ({float} - {float!})
        sign({float})
        ln({float})
        degrees({float})
        sin({float})
        ({num!} * {float!})
    """,
    "text": """
        2| concat({text}, {text})
        concat({text}, {int})
        concat({text}, {anything}, {text?})
        concat_ws('-', {text}, {text})
        ({text} || {text})
        2| substring({text}, {position}, 2)
        2| substr({text}, {position})
        substring({text} FROM 2 FOR 3)
        mid({text}, 2, 1)
        2| left({text}, {position})
        right({text}, {position})
        lpad({text}, 8, '*')
        rpad({text}, 3, ' ')
        reverse({text})
        lcase({text})
        repeat({text}, 2)
        trim(LEADING 'a' FROM {text})
        trim(BOTH FROM {text})
        substring_index({text}, ' ', 1)
        regexp_replace({text}, 'a', 'b')
        regexp_substr({text}, {regexp})
        md5({text})
        hex({text})
        hex({bytes})
        date_format({ts}, {format})
        date_format({date}, {format})
        dayname({date})
        monthname({date})
        format({num}, 2)
        ifnull({text}, {text?})
        if({bool}, {text}, {text?})
        json_extract({json}, '$.b')
        json_unquote({json_key})
        {json_key}
        json_type({json})
        greatest({text}, {text})
        least({text}, {text})
        quote({text})
        elt({int!}, 'a', 'b', {text!})
        insert({text}, 1, 1, 'x')
        char({int!})
        convert({text} USING latin1)
        {text} COLLATE utf8mb4_bin
        {text_scalar}
        strcmp({text}, {text})
        space({positive})
        soundex({text})
        to_base64({text})
        {bytes!}
    """,
    "date": """
        date({ts})
        date_add({date}, INTERVAL {positive} DAY)
        date_sub({date}, INTERVAL 1 MONTH)
        ({date} + INTERVAL {int!} DAY)
        ({date!} + INTERVAL {int?} {unit})
        date_sub({date!}, INTERVAL {int?} MONTH)
        last_day({date})
        greatest({date}, {date})
        makedate(2024, {int!})
        str_to_date({text}, '%Y-%m-%d')
        ifnull({date}, {date?})
        from_days({int!})
    """,
    "ts": """
        ({ts} + INTERVAL 1 HOUR)
        date_add({ts}, INTERVAL {int!} {unit})
        ({ts!} - INTERVAL {int?} {unit})
        date_add({ts!}, INTERVAL -{int?} SECOND)
        timestamp({date})
        cast({date} AS datetime)
        least({ts}, {ts})
        cast({text!} AS datetime)
        from_unixtime({int!})
        timestamp({date}, {time})
        addtime({ts}, '01:00:00')
        {stamp}
    """,
    "time": """
        time({ts})
        timediff({ts}, {ts})
        maketime({int!}, 0, 0)
        sec_to_time({int!})
    """,
    "field": """
        YEAR
        MONTH
        DAY
        HOUR
        MINUTE
        SECOND
        MICROSECOND
        QUARTER
        WEEK
        YEAR_MONTH
        DAY_HOUR
    """,
    "unit": """
        DAY
        MONTH
        YEAR
        HOUR
        SECOND
        QUARTER
    """,
    "format": """
        ~'%Y-%m'
        ~'%Y-%m-%d %H:%i:%s'
        ~'%d.%m.%y'
        ~'%M %W'
        ~'%f'
    """,
    "json_key": """
        json_extract({json}, '$.a')
        json_extract({json}, '$.b[0]')
        json_value({json}, '$.b')
        json_keys({json})
    """,
    "int_type": """
        signed
        unsigned
        integer
    """,
    "num_type": """
        decimal(12,2)
        decimal
        decimal(20,5)
    """,
    "text_type": """
        char
        char(4)
        binary
        char(10) CHARACTER SET utf8mb4
    """,
    "truth": """
        UNKNOWN
    """,
    "item": """
        {json_key}
        'a constant'
        NULL
        concat({text!}, {text?})
        concat({text?}, {text!}, {int!})
        substring({text!}, {int?}, 3)
        left({text!}, {int?})
        right({text!}, {int?})
        floor({number})
        json_object('k', {key!}, 't', {text!})
        time({ts!})
        {stamp}
        {time}
        {year!}
        {bytes!}
        {char!}
        {bit!}
        {set!}
    """,
    "key": """
        year({date!})
        month({ts!})
        {only_int!} % 3
        {only_int!} DIV 2
        extract({field} FROM {date!})
        date({ts!})
        hex({text!})
        left({only_text!}, 1)
    """,
    "counted": """
        count(*)
        count({anything!})
        sum({int!})
    """,
    "agg": """
        group_concat({only_text!} ORDER BY {id} SEPARATOR ',')
        group_concat({int!} ORDER BY {id})
        group_concat({text!} ORDER BY {key!} {direction}, {id} SEPARATOR '; ')
        group_concat({num!} ORDER BY {num!})
        group_concat(DISTINCT {int!} ORDER BY {int!} {direction})
        group_concat({date!} ORDER BY {date!}, {id})
        max({time!})
        count(DISTINCT {time!})
        json_arrayagg({int!})
        stddev({int!})
        variance({num!})
        bit_and({int!})
        bit_or({int!})
        sum({bool!})
        sum({text!})
        sum({int!} > {int?})
        max({year!})
        min({stamp!})
        max({enum!})
        avg({float!})
        count(DISTINCT {key!}, {key!})
        count(DISTINCT {text!})
        count(DISTINCT {text!}, {int!}, {date!})
    """,
    "window": """
        sum({bool!}) OVER ({partition}{total})
        ntile(3) OVER ({partition}{total})
    """,
    "volatile": """
        now(6)
        rand()
        curdate()
        uuid()
        current_user()
    """,
}

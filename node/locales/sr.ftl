# Свака реч страница, на српском (ћирилица). Латиница се добија пресловљавањем овог списа.

## На свакој страници
site-tagline = Лекције које путују од уређаја до уређаја
skip-to-content = Пређи на садржај
nav-label = Странице
nav-lessons = Лекције
nav-device = Овај уређај
languages = Језик
search-label = Претражи лекције
search-hint = Разломци, биљке, глаголи…
search-action = Тражи
footer-note = Ради без интернета, без реклама и без праћења.

## Ко учи
learner-who = Ко учи?
learner-why = Твоје име напушта овај уређај само запечаћено: нико осим твоје школе и министарства не може да га прочита.
learner-name = Твоје име
learner-start = Почни
learner-skip = Не сада
learner-guest = Гост
learner-forget = Уклони: { $name }

## Спискови лекција
home-heading = Шта учимо данас?
count-lessons = { $count ->
    [one] { $count } лекција
    [few] { $count } лекције
   *[other] { $count } лекција
}
count-here = { $count ->
    [one] { $count } на овом уређају
   *[other] { $count } на овом уређају
}
count-arriving = { $count ->
    [one] { $count } стиже
    [few] { $count } стижу
   *[other] { $count } стиже
}
filter-heading = Изабери лекције
filter-grade = Разред
filter-subject = Предмет
filter-all = Све
grade-name = { $grade ->
    [0] Предшколско
   *[other] { $grade }. разред
}
continue-heading = Настави гледање
state-here = На овом уређају
state-arriving = Стиже: { $percent } %
state-waiting = На путу
state-watched = Одгледано
lesson-length = Трајање { $length }
list-all = Прикажи све ({ $count })
list-next = Даље
list-previous = Назад
empty-catalog-title = Лекције још нису стигле
empty-catalog-help = Повежи овај уређај на исти Wi-Fi или кабл као школа или комшија који има Пиштар. Лекције се овде појављују саме; не треба ништа друго да радиш.
empty-follow-title = Овај уређај не прати ниједну лекцију из каталога
empty-follow-help = { $count ->
    [one] Каталог има { $count } лекцију, али ниједну за изабране разреде, предмете и језике. Ко се стара о уређају може да изабере друге:
    [few] Каталог има { $count } лекције, али ниједну за изабране разреде, предмете и језике. Ко се стара о уређају може да изабере друге:
   *[other] Каталог има { $count } лекција, али ниједну за изабране разреде, предмете и језике. Ко се стара о уређају може да изабере друге:
}
empty-filter-title = Овде нема лекција за тај избор
empty-filter-help = Изабери други разред или предмет, или погледај све лекције.
empty-filter-action = Прикажи све лекције

## Једна лекција
lesson-about = О овој лекцији
lesson-course = Још из овог курса
lesson-more = Друге лекције
lesson-worksheet = Радни лист
lesson-video = Видео
lesson-small-video = Мали видео
lesson-text = Текст
lesson-audio-description = Звучни опис
lesson-download = Преузми
lesson-not-ministry = – лекција за сопствене ученике; она није министарска.
lesson-author = Аутор
lesson-licence = Лиценца
lesson-language = Језик
lesson-captions = Титлови
lesson-length-label = Трајање
lesson-code = Наставни план
lesson-files-heading = Уз ову лекцију
lesson-arriving = Ова лекција још стиже ({ $percent } %). Већ можеш да је гледаш.
lesson-waiting = Од ове лекције још ништа није стигло. Почиње чим је неки комшија има; притисни пуштање и долази прва.
lesson-complete = Цела лекција је на овом уређају.
player-speed = Брзина
player-broken = Лекција сада не може да се пусти. Можда је још на путу: покушај поново за који тренутак.
player-unsupported = Овај прегледач не може да прикаже лекцију. Можеш да је преузмеш.
player-watched = Одгледано { $percent } %
player-needs-script = Гледање ради; да би се напредак рачунао, у овом прегледачу мора бити дозвољен JavaScript.
progress-saving = Чува се…
progress-saved = Сачувано ✓
progress-unsaved = Још није сачувано. Уређај сам покушава поново.
progress-done = Лекција је завршена. Браво!

## Претрага
search-title = Претрага: { $query }
search-heading = Претрага
search-found = { $count ->
    [one] Нађена је { $count } лекција
    [few] Нађене су { $count } лекције
   *[other] Нађено је { $count } лекција
}
search-nothing-title = Ништа није нађено за „{ $query }”
search-nothing-help = Покушај једну краћу реч. Може и без квачица, и било којим писмом.
search-empty-title = Шта тражиш?
search-empty-help = Упиши у поље горе реч из наслова или теме.

## Стање, за онога ко се стара о уређају
status-heading = Овај уређај
status-lead = Како лекције стижу и како напредак ученика одлази.
status-catalog = Каталози
status-catalog-none = Још нема каталога. Стиже од првог комшије, УСБ-а или фасцикле која га има.
status-version = Верзија { $version }
status-fresh = Ажурно
status-stale = Ради; можда има новости
status-age-unknown = Ради; не зна се колико је старо
status-clock-wrong = Сат овог уређаја изгледа погрешно: показује { $date }. Лекције раде као и увек; само се не зна колико су старе. Подесите датум и време у подешавањима уређаја.
publisher-ministry = Министарство просвете
status-publisher-revoked = { $publisher }: министарство је укинуло дозволу за објављивање, а лекције су уклоњене.
status-device-revoked = Министарство је опозвало овај уређај, као што се чини с изгубљенима. Лекције се и даље приказују; али оно што ученици овде ураде други уређаји не примају. Донесите уређај у школу.
checked-never = никад проверено
checked-unknown = проверено, не зна се када
checked-now = проверено управо сада
checked-minutes = { $count ->
    [one] проверено пре { $count } минут
   *[other] проверено пре { $count } минута
}
checked-hours = { $count ->
    [one] проверено пре { $count } сат
    [few] проверено пре { $count } сата
   *[other] проверено пре { $count } сати
}
checked-days = { $count ->
    [one] проверено пре { $count } дан
   *[other] проверено пре { $count } дана
}
status-lessons = Лекције
status-lessons-here = { $here } од { $all } праћених лекција је овде
status-lessons-known = { $count ->
    [one] Каталог зна за { $count } лекцију.
    [few] Каталог зна за { $count } лекције.
   *[other] Каталог зна за { $count } лекција.
}
status-storage = Простор
status-storage-used = Заузето { $used }
status-storage-quota = Заузето { $used } од { $quota }
status-storage-files = Целих датотека: { $complete }, у доласку: { $partial }
status-records = Напредак ученика
status-records-waiting = { $count ->
    [0] Ништа не чека на пут
    [one] { $count } запис чека на пут
    [few] { $count } записа чекају на пут
   *[other] { $count } записа чека на пут
}
status-records-carried = Носи се за друге
status-records-acked = Стигло и потврђено
status-records-note = Записи су запечаћени: не може да их прочита ни овај уређај ни они који их носе.
status-peers = Комшије
status-peers-none = Нема комшија на видику. Провери да ли су оба уређаја у истој мрежи; неки Wi-Fi рутери држе уређаје раздвојене (“client isolation”).
status-peer-on = Повезан
status-peer-off = Ван домета
status-peer-received = Примљено
status-peer-sent = Послато
status-peer-revoked = Опозван од министарства: с њим се не размењује напредак
status-peer-faults = { $count ->
    [one] { $count } грешка
    [few] { $count } грешке
   *[other] { $count } грешака
}
status-address = Отвори са другог уређаја
status-address-note = Упиши ову адресу у прегледач било ког уређаја у истој мрежи.
status-address-local = Странице се отварају само на овом уређају. Да би их отварали и други уређаји, ко се стара о њему покреће га са --web 0.0.0.0:8080.
status-id = Име овог уређаја у мрежи

## Кад нешто није како треба
error-missing-title = Ова страница не постоји
error-missing-help = Можда је адреса другачије откуцана, или лекција није међу онима које овај уређај прати.
error-withdrawn-title = Ова лекција је повучена
error-withdrawn-help = Ову лекцију је повукао онај ко ју је објавио, или министарство, зато се више не приказује. Остале лекције су и даље овде.
error-failed-title = Нешто је пошло наопако на овом уређају
error-failed-help = Ништа није изгубљено. Покушај поново; ако остане тако, поново покрени уређај и јави ономе ко се о њему стара.
error-host-title = Ово није адреса овог уређаја
error-host-help = Отвори странице бројем уређаја, на пример http://192.168.1.20:8080, или његовим именом .local.
error-forbidden-title = Ово није послато са наше странице
error-forbidden-help = Поново отвори лекцију на овом уређају и покушај одатле.
error-back = На лекције

## Предмети
subject-mathematics = Математика
subject-albanian = Албански језик
subject-serbian = Српски језик
subject-english = Енглески језик
subject-turkish = Турски језик
subject-bosnian = Бошњачки језик
subject-romani = Ромски језик
subject-reading = Читање
subject-nature = Природа и наука
subject-biology = Биологија
subject-chemistry = Хемија
subject-physics = Физика
subject-history = Историја
subject-geography = Географија
subject-civics = Грађанско васпитање
subject-music = Музичка култура
subject-art = Ликовна култура
subject-sport = Физичко васпитање
subject-computing = Информатика
subject-health = Здравље
subject-language = Језик

## Choosing what the device keeps
keep-heading = Шта овај уређај чува
keep-lead = Означите шта је ученицима овде потребно. Величине се виде пре него што се ишта преузме.
keep-not-here = Бирати може само онај ко је за овим уређајем. Отворите ову страницу на самом уређају, или нека се покрене са --choose-from-lan.
keep-saved = Сачувано. Лекције које недостају преузимају се од сада.
keep-empty-group = Када у групи ништа није означено, важи цела група.
keep-try = Покажи колико је то
keep-comes-to = Овај избор износи
keep-sum = { $count ->
    [one] { $count } лекција, { $size }
    [few] { $count } лекције, { $size }
   *[other] { $count } лекција, { $size }
}
keep-here = Од тога већ овде
keep-free = Слободно на диску
keep-quota = Највише за лекције
keep-no-quota = без ограничења
keep-used = Лекције сада заузимају
keep-too-much = То је { $size } више него што има места. Чува се оно што прво стигне; остало чека.
keep-save = Чувај ово
keep-none = Чувај само појединачне лекције
keep-now = Сада важи
keep-no-rule = Нема правила: само лекције изабране појединачно.
keep-single = { $count ->
    [one] { $count } лекција је изабрана појединачно.
    [few] { $count } лекције су изабране појединачно.
   *[other] { $count } лекција је изабрано појединачно.
}
keep-left-out = { $count ->
    [one] { $count } је изостављена појединачно.
    [few] { $count } су изостављене појединачно.
   *[other] { $count } је изостављено појединачно.
}
keep-pinned = { $count ->
    [one] { $count } је закачена.
    [few] { $count } су закачене.
   *[other] { $count } је закачено.
}
keep-order = Када затреба места, прво се уклањају лекције које нико није изабрао; закачене се никад не уклањају. Ниједна лекција коју суседи немају не уклања се пре оних које други у близини имају.
keep-lesson-follow = Чувај на овом уређају ({ $size })
keep-lesson-remove = Уклони с овог уређаја ({ $size })
keep-lesson-pin = Закачи: никад не уклањај
keep-lesson-unpin = Откачи
status-disk-full = Диск овог уређаја је пун. Све што је овде може да се гледа; нове лекције стижу кад поново буде места.
error-not-here-title = Ово може да се бира само на самом уређају
search-elsewhere = Не чувају се на овом уређају
search-elsewhere-help = Стижу од суседа када их неко пусти. Отворите једну да бисте је овде сачували.

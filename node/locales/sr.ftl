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
lesson-none-yet = Од ове лекције још ништа није стигло.
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
status-no-fresh-source = Ниједан уређај у близини не даје новији.
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

## Signing in
sign-in = Пријава
sign-in-class = У ком си разреду?
sign-in-name = Ко си ти?
sign-in-other-class = Други разред
sign-in-other-name = То нисам ја
sign-in-pin = Твој ПИН
sign-in-family = Ово је уређај наше породице
sign-in-family-help = Остајеш у пријави, а браћа и сестре могу да се пријаве поред тебе. У школи остави празно.
sign-in-no-secret = Наставник ти још није дао слике или ПИН. Затражи их.
sign-in-wrong = Није тачно. Покушај поново.
sign-in-wait-short = Превише погрешних покушаја. Сачекај мало и покушај поново.
sign-in-wait-seconds = { $count ->
    [one] Превише погрешних покушаја. Сачекај { $count } секунду или питај наставника.
    [few] Превише погрешних покушаја. Сачекај { $count } секунде или питај наставника.
   *[other] Превише погрешних покушаја. Сачекај { $count } секунди или питај наставника.
}
sign-in-wait-minutes = { $count ->
    [one] Превише погрешних покушаја. Сачекај { $count } минут или питај наставника.
    [few] Превише погрешних покушаја. Сачекај { $count } минута или питај наставника.
   *[other] Превише погрешних покушаја. Сачекај { $count } минута или питај наставника.
}
sign-out = Одјава
sign-out-all = Одјави све
who-another = Други ученик
pictures-step = Слика { $step } од 4
picture-sun = сунце
picture-moon = месец
picture-star = звезда
picture-house = кућа
picture-tree = дрво
picture-flower = цвет
picture-fish = риба
picture-bird = птица
picture-cat = мачка
picture-apple = јабука
picture-ball = лопта
picture-boat = чамац
off-title = Преко ове везе пријава није могућа
off-why = Ова страница је стигла обичним HTTP-ом: свако на овој бежичној мрежи могао би да прочита ПИН који се овде откуца. Лекције раде као и увек.
off-secure = Отвори безбедну везу (HTTPS)
off-no-tls = Овај уређај не нуди HTTPS. Пријави се на самом уређају, или нека се покрене са --tls local.
connection-title = Шта је безбедна веза
connection-is-safe = Ова веза је безбедна: нико на мрежи не може да чита.
connection-is-not = Ова веза није безбедна: ко је на истој бежичној мрежи може да чита.
connection-what = Лекције су јавне и не треба их штитити. Имена, ПИН-ове и резултате треба: они путују само безбедном везом (HTTPS) или остају на самом уређају.
connection-install = Чување ових страница као апликације и касније слање извештаја раде само преко безбедне везе или на самом уређају; прегледачи друкчије не допуштају.
connection-warning-title = Прегледач упозорава
connection-warning = Твој прегледач још не познаје овај уређај и каже да веза није приватна. Додај једном сертификат овог уређаја и упозорења више нема.
connection-step-1 = Преузми га овде, најбоље на самом уређају или у школи:
connection-get = Сертификат овог уређаја
connection-step-2 = Отвори датотеку. На телефону: Подешавања, Безбедност, Инсталирај сертификат, CA сертификат. На рачунару: у подешавањима прегледача, Сертификати, Ауторитети, Увези.
connection-step-3 = Отвори поново безбедну везу.
connection-limits = Сертификат важи само за овај уређај у приватним мрежама; ни за једну другу страницу не може да јемчи.

## Cards and families
card-sign-in = Ученичком картицом
card-sign-in-help = Код куће, или кад заборавиш ПИН
card-new = Картица која је нова на овом уређају
card-code = Шта пише на картици
card-code-help = Скенирај код камером и прекопирај текст овде, или га откуцај. Велика слова и размаци нису важни.
card-at-school = У твојој школи картица је довољна; друга два поља остају празна.
card-label = Како те породица овде зове
card-pin = ПИН за овај уређај
card-pin-help = Најмање 4 знака. Без њега нико не може да користи картицу на овом уређају.
card-bad = Ово није текст ученичке картице, или је неки знак погрешан. Прочитај поново.
card-not-valid = Ова картица више не важи. Затражи нову од наставника.
card-short-pin = Изабери ПИН са најмање 4 знака.
card-too-many = Овај уређај већ има онолико ученика колико може.
card-title = Ученичка картица
card-print = Одштампај картицу
card-renew = Направи нову картицу
card-renew-help = За изгубљену картицу: стара више не важи, а уређајима који су је примили треба нова.
card-renewed = Постоји нова картица; стара више не важи. Одштампај је.
card-number = картица { $number }
cards-title = Ученичке картице
cards-lead = Одштампај ову страницу: осам картица на листу. Исеци их и дај сваком његову; ко држи картицу може да ради у име тог ученика.
cards-no-school = Овај уређај још није школски, па не прави картице. Ко га води то подешава са: pishtar school init
cards-elsewhere = Картице ових ученика направљене су на другом рачунару школе. Одштампај их тамо или направи нове:

## A learner's own page
me-title = Моје лекције
me-hello = Здраво, { $name }!
me-to-do = За рад
me-begun = Започето
me-done = Урађено
me-nothing-to-do = Тренутно немаш задатака. Изабери било коју лекцију.
me-lessons = Све лекције
me-at-home = Оно што овде радиш чува се запечаћено и путује у твоју школу. Тамо га види твој наставник.
work-done = Урађено
work-percent = Одгледано { $percent } %
work-not-begun = Није започето
work-points = { $points } бодова
work-due = до { $date }
work-assigned = задато
help-stuck = { $count ->
    [one] { $count } покушај на једном задатку, највише { $best } од { $of } бодова
    [few] { $count } покушаја на једном задатку, највише { $best } од { $of } бодова
   *[other] { $count } покушаја на једном задатку, највише { $best } од { $of } бодова
}
help-overdue = није урађено; рок је био { $date }
help-stopped = { $count ->
    [one] започето, а није настављено { $count } дан
    [few] започето, а није настављено { $count } дана
   *[other] започето, а није настављено { $count } дана
}

## Classes
classes-title = Разреди
classes-none = Још немаш разред. Разреде додељује администратор.
count-learners = { $count ->
    [one] { $count } ученик
    [few] { $count } ученика
   *[other] { $count } ученика
}
count-assigned = { $count ->
    [one] { $count } задата лекција
    [few] { $count } задате лекције
   *[other] { $count } задатих лекција
}
count-need-help = { $count ->
    [one] { $count } треба помоћ
    [few] { $count } требају помоћ
   *[other] { $count } треба помоћ
}
class-title = Разред { $class }
class-grid = Ко је шта урадио
class-learner = Ученик
class-help = Треба помоћ
class-empty = У овом разреду још нема ученика. Упиши их једног по једног, или нека администратор учита табелу.
class-assigned = Лекција је задата разреду.
class-taken-back = Лекција је повучена.
sort-label = Поређај
sort-help = Прво помоћ
sort-name = По имену
sort-done = Највише урађено
assign-title = Задај лекцију
assign-find = Нађи лекцију
assign-lesson = Лекција
assign-due = До када (може остати празно)
assign-action = Задај разреду
assign-none = Није нађена лекција коју разред већ нема.
assign-no-lesson = Изабери лекцију са списка.
assign-bad-day = Напиши дан као 2026-12-15, или остави празно.
assign-take-back = Повуци
assign-take-back-of = Повуци { $title }
learner-no-login = Министарство још није одговорило корисничким именом.
learner-work = Лекције
learner-no-work = Још ништа.
learner-data = Подаци
learner-rights = Шта се чува о овом ученику
learner-export = Преузми све
secret-title = Слике или ПИН
secret-is-pin = Пријављује се ПИН-ом.
secret-is-pictures = Пријављује се сликама.
secret-is-none = Још не може да се пријави именом: дај ПИН или слике.
secret-new-pin = Дај ПИН
secret-new-pictures = Дај слике
secret-save = Сачувај
secret-saved = Сачувано. Ученик се од сада тако пријављује.
secret-waits = { $count ->
    [one] После погрешних покушаја ученик треба да сачека { $count } секунду.
    [few] После погрешних покушаја ученик треба да сачека { $count } секунде.
   *[other] После погрешних покушаја ученик треба да сачека { $count } секунди.
}
secret-forgive = Нека покуша одмах
secret-forgiven = Ученик може одмах да покуша.
secret-bad-pin = ПИН има од 4 до 8 цифара.
secret-easy-pin = Тај ПИН сви прво пробају. Узми други.
secret-bad-pictures = Изабери четири слике, бар две различите.
secret-bad-password = Лозинка има најмање 10 знакова.

## Registering
register-title = Упиши ученика
register-sealed = Оно што упишеш чува се запечаћено. Могу да га прочитају само школа и министарство.
register-wrong = Нешто још није у реду. Погледај означена поља; ништа што си откуцао није изгубљено.
register-action = Упиши
register-done = Ученик је уписан.
register-known = Овај ученик је већ био уписан.
field-optional = (може остати празно)
field-name = Име
field-surname = Презиме
field-parent = Родитељ или старатељ
field-school = Школа
field-municipality = Општина
field-phone = Телефон
field-class = Разред
field-born = Година рођења
hint-name = Напиши име словима, без цифара.
hint-parent = Напиши словима име родитеља или старатеља.
hint-place = Напиши назив.
hint-phone = Напиши број као 044 123 456 или +383 44 123 456, или остави празно.
hint-class = Напиши разред као 6A или VI/2.
hint-born = Напиши годину са четири цифре, или остави празно.
upload-title = Учитај табелу
upload-lead = Табела ученика, сачувана као CSV UTF-8. Прво видиш шта је прочитано; ништа се не преузима док ти не кажеш.
upload-file = Датотека
upload-paste = Или налепи табелу
upload-columns = Први ред:
upload-class = Разред за редове без разреда
upload-look = Погледај
upload-nothing = Изабери датотеку, или налепи табелу.
upload-faults = Ништа није преузето. Исправи ове редове и поново учитај табелу.
upload-row = Ред
upload-column = Колона
upload-what = Шта урадити
upload-more = { $count ->
    [one] и још { $count }
    [few] и још { $count }
   *[other] и још { $count }
}
upload-read = { $count ->
    [one] Прочитан је { $count } ученик
    [few] Прочитана су { $count } ученика
   *[other] Прочитано је { $count } ученика
}
upload-confirm = { $count ->
    [one] Упиши { $count } ученика
    [few] Упиши { $count } ученика
   *[other] Упиши { $count } ученика
}
upload-taken = { $count ->
    [one] Уписан је { $count } ученик.
    [few] Уписана су { $count } ученика.
   *[other] Уписано је { $count } ученика.
}
upload-known = { $count ->
    [one] { $count } је већ био уписан.
    [few] { $count } су већ била уписана.
   *[other] { $count } је већ било уписано.
}
erase-title = Избриши овог ученика
erase-heading = Избрисати: { $name }?
erase-what = Све што се чува о овом ученику уништава се овде и у министарству: упис, картица, рад. То се не може вратити, а стари извештаји који још стигну више не важе.
erase-type = Откуцај име за потврду: { $name }
erase-wrong = То није име. Ништа није избрисано.
erase-not = Не бриши
erase-done = Ученик је избрисан.

## The school
school-title = Школа
school-not-one = Овај уређај још није потврђен као школски. Разреди раде; за картице и корисничка имена министарства треба:
school-new-class = Нови разред
school-add-class = Додај разред
school-class-added = Разред је додат.
about-title = Подаци школе
about-saved = Сачувано. Обрасци од сада почињу тиме.
staff-title = Наставници
staff-sign-in = Наставници и администратори
staff-sign-in-help = Именом и лозинком
staff-login = Име за пријаву
staff-password = Лозинка
staff-password-help = Најмање 10 знакова; три-четири речи су добре.
staff-new = Нови наставник
staff-add = Направи налог
staff-role = Улога
role-teacher = Наставник
role-administrator = Администратор
staff-classes = Разреди
staff-change = Измени
staff-new-password = Нова лозинка
staff-remove = Уклони: { $name }
staff-saved = Сачувано.
staff-bad-login = Напиши име, не предуго.
staff-taken = Неко се већ пријављује тим именом. Додај презиме.
staff-full = Има онолико налога колико овај уређај чува. Уклони оне који су отишли.
staff-last = Последњи администратор се не може уклонити. Прво направи другог.
first-title = Први администратор
first-lead = Овај уређај још нема администратора.
first-help = Уређај је при покретању исписао код. Ко може тамо да га прочита постаје администратор.
first-code = Код
first-make = Постани администратор
first-wrong = То није код овог уређаја.
switch-title = Пријава без безбедне везе
switch-is-on = Укључено
switch-is-off = Искључено
switch-means = Кад је укључено, људи могу да се пријаве обичним HTTP-ом. Тада свако на школској бежичној мрежи може да чита имена, ПИН-ове и резултате и да ради у туђе име.
switch-instead = Постоји бољи начин: безбедна веза овог уређаја.
switch-read = Прочитао сам шта то значи.
switch-read-first = Прочитај шта то значи и означи да си прочитао.
switch-on = Укључи
switch-off = Искључи
switch-saved = Сачувано.
error-sign-in-title = Прво се пријави
error-sign-in-help = Ова страница је за пријављене.
error-not-yours-title = Ова страница није твоја
error-not-yours-help = Могу да је отворе други у школи. Ако треба и ти, питај администратора.
error-stale-title = Овај образац је од раније
error-stale-help = У међувремену се неко пријавио или одјавио. Отвори страницу поново и пошаљи још једном; ништа није промењено.
error-large-title = То је превише одједном
error-large-help = Подели табелу на мање.
error-revoked-title = Овај уређај је пријављен као изгубљен
error-revoked-help = Министарство га је опозвало. Приказује лекције, али се на њему више нико не може пријавити. Питај школу.
